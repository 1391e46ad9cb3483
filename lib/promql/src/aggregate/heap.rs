//! A heap as Go's `container/heap` keeps it: which of equal values stay, and in which order, depends on how.

/// Puts `item` into `heap`.
pub(crate) fn push<T>(heap: &mut Vec<T>, item: T, less: impl Fn(&T, &T) -> bool) {
    heap.push(item);
    let mut at = heap.len() - 1;
    while at > 0 {
        let parent = (at - 1) / 2;
        if !less(&heap[at], &heap[parent]) {
            break;
        }
        heap.swap(at, parent);
        at = parent;
    }
}

/// Moves the first item, which was changed, to where it belongs.
pub(crate) fn fix_first<T>(heap: &mut [T], less: impl Fn(&T, &T) -> bool) {
    let mut at = 0;
    loop {
        let left = 2 * at + 1;
        if left >= heap.len() {
            break;
        }
        let right = left + 1;
        let child = if right < heap.len() && less(&heap[right], &heap[left]) { right } else { left };
        if !less(&heap[child], &heap[at]) {
            break;
        }
        heap.swap(at, child);
        at = child;
    }
}

/// Up to so many items Go sorts by insertion.
const FEW: usize = 12;

/// Sorts as Go's `sort.Sort` where `less` need not be consistent (a NaN is less than a NaN): few items come out in just its
/// order, and among many only equal ones may not.
pub(crate) fn sort_as_go<T>(items: &mut [T], less: impl Fn(&T, &T) -> bool) {
    if items.len() > FEW {
        items.sort_by(|a, b| match (less(a, b), less(b, a)) {
            (true, false) => std::cmp::Ordering::Less,
            (false, true) => std::cmp::Ordering::Greater,
            _ => std::cmp::Ordering::Equal,
        });
        return;
    }
    for end in 1..items.len() {
        let mut at = end;
        while at > 0 && less(&items[at], &items[at - 1]) {
            items.swap(at, at - 1);
            at -= 1;
        }
    }
}
