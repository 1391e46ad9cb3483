use super::{InvalidTenant, TenantId};

#[track_caller]
fn check(raw: &str, want: Result<(), InvalidTenant>) {
    let got = TenantId::parse(raw);
    assert_eq!(got.as_ref().map(|tenant| tenant.as_str()), want.as_ref().map(|()| raw), "{raw:?}");
    if let Ok(tenant) = got {
        assert_eq!(tenant.to_string(), raw);
    }
}

#[test]
fn names_that_thanos_takes() {
    for name in ["default-tenant", "a", "a b", "ünïcode", "日本", "%2e%2e", "...", ".a", "*", "a:b|c", "CON", "-x"]
    {
        check(name, Ok(()));
    }
    check(&"x".repeat(255), Ok(()));
}

#[test]
fn no_path_tricks() {
    use InvalidTenant::{BadByte, Empty, Relative, TooLong};
    check("", Err(Empty));
    check(".", Err(Relative(".".into())));
    check("..", Err(Relative("..".into())));
    check("../b", Err(BadByte { at: 2 }));
    check("/", Err(BadByte { at: 0 }));
    check("a/b", Err(BadByte { at: 1 }));
    check("a\\b", Err(BadByte { at: 1 }));
    check("a\0", Err(BadByte { at: 1 }));
    check("a\nb", Err(BadByte { at: 1 }));
    check("\x7f", Err(BadByte { at: 0 }));
    check(&"x".repeat(256), Err(TooLong { size_bytes: 256 }));
    // Counted in bytes, as file systems do.
    check(&"日".repeat(86), Err(TooLong { size_bytes: 258 }));
}
