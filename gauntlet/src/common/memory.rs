//! How much memory a process may budget.

use router::Config;
use service::MessageBudget;
use std::fs;

/// Where control groups are.
const GROUPS: &str = "/sys/fs/cgroup";

/// `wanted_bytes`, or two fifths of the container's limit if that is less: the rest is for code, headers' pages, answers that
/// are being sent, and what allocators keep.
pub(crate) fn budget_bytes(wanted_bytes: u64) -> u64 {
    within(wanted_bytes, limit_bytes(&fs::read_to_string("/proc/self/cgroup").unwrap_or_default()))
}

/// What writes over gRPC may take together: two of the largest, with what is made of them.
pub(crate) fn write_budget(config: &Config) -> MessageBudget {
    MessageBudget::new(config.max_decoded_bytes.saturating_mul(3), config.memory_timeout)
}

/// The limit of the innermost group that has one, of versions 2 and 1; `own` is the process' `/proc/self/cgroup`.
fn limit_bytes(own: &str) -> Option<u64> {
    let version_2 = own.lines().find_map(|line| line.strip_prefix("0::")).unwrap_or_default();
    let version_1 = own.lines().find_map(|line| line.split_once(":memory:")).map_or("", |(_, path)| path);
    let of = |group: &str, file: &str| fs::read_to_string(format!("{GROUPS}{group}/{file}")).ok()?.trim().parse().ok();
    [version_2, ""]
        .iter()
        .filter_map(|group| of(group, "memory.max"))
        .chain([version_1, ""].iter().filter_map(|group| of(&format!("/memory{group}"), "memory.limit_in_bytes")))
        .min()
}

fn within(wanted_bytes: u64, limit_bytes: Option<u64>) -> u64 {
    limit_bytes.map_or(wanted_bytes, |limit| wanted_bytes.min(limit / 5 * 2))
}

#[cfg(test)]
mod tests {
    use super::within;

    #[test]
    fn a_container_sets_the_upper_bound() {
        assert_eq!(within(2 << 30, None), 2 << 30);
        assert_eq!(within(2 << 30, Some(u64::MAX)), 2 << 30);
        assert_eq!(within(2 << 30, Some(500)), 200);
        assert_eq!(within(100, Some(500)), 100);
    }
}
