use super::Deleter;
use crate::bucket::Bucket;
use crate::metrics::Metrics;
use model::SystemClock;
use object_store::memory::InMemory;
use std::sync::Arc;

#[tokio::test]
async fn a_block_goes_and_its_neighbour_stays() {
    let bucket = Bucket::over(Arc::new(InMemory::new()), "b", "p", &Metrics::default(), Arc::new(SystemClock));
    let (gone, stays) = ("01HP0000000000000000000001", "01HP0000000000000000000002");
    for block in [gone, stays] {
        for name in ["meta.json", "index", "chunks/000001", "deletion-mark.json"] {
            bucket.put(&format!("{block}/{name}"), "x".into()).await.unwrap();
        }
    }
    let deleter = Deleter::new(bucket.clone());
    deleter.delete_block(gone.parse().unwrap()).await.unwrap();
    assert_eq!(bucket.blocks().await.unwrap(), [stays.parse().unwrap()]);
    assert_eq!(bucket.files(stays.parse().unwrap()).await.unwrap().len(), 4);
    // Nothing is left to do.
    deleter.delete_block(gone.parse().unwrap()).await.unwrap();
}
