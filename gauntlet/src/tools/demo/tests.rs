use super::{Running, take_ended};
use std::process::Stdio;
use tokio::process::Command;

fn member(name: &'static str, script: &str) -> Running {
    let mut command = Command::new("sh");
    command.args(["-c", script]).stdin(Stdio::null()).kill_on_drop(true);
    Running { name, http: String::new(), log: format!("{name}.log").into(), child: command.spawn().unwrap() }
}

#[tokio::test]
async fn a_member_that_ends_is_told_of_and_the_others_go_on() {
    let mut running = vec![member("one", "sleep 60"), member("two", "exit 3"), member("three", "sleep 60")];
    running[1].child.wait().await.unwrap();
    let ended: Vec<String> = take_ended(&mut running).iter().map(ToString::to_string).collect();
    assert_eq!(ended, ["two ended by itself (exit status: 3); see two.log"]);
    assert_eq!(running.iter().map(|member| member.name).collect::<Vec<_>>(), ["one", "three"]);
    assert!(take_ended(&mut running).is_empty());
}
