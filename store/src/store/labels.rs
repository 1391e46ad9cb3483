//! `LabelNames` and `LabelValues`.

use super::*;
use crate::block_error::BlockError;
use crate::live_block::LiveBlock;
use std::collections::BTreeSet;
use std::future::Future;

type Strings = BTreeSet<Vec<u8>>;

/// One block, and what is asked of it.
struct Question {
    block: Arc<LiveBlock>,
    asked: Asked,
}

/// The names of the labels of series that may lie in the range. Without matchers these are all of the blocks, with matchers
/// those of the series that they accept.
pub(super) async fn names(
    store: &Inner,
    blocks: Arc<BlockSet>,
    request: LabelsRequest,
) -> Result<LabelsAnswer, StoreError> {
    let without = Arc::clone(&request.without_labels);
    gather(store, &blocks, &request, LABEL_NAMES, move |question| {
        let without = Arc::clone(&without);
        async move {
            let mut names = names_of(&question).await?;
            names.retain(|name| !without.contains(name));
            Ok(names)
        }
    })
    .await
}

/// The values of a label among the series of blocks that overlap the range. No series is read: lists of series tell.
pub(super) async fn values(
    store: &Inner,
    blocks: Arc<BlockSet>,
    name: Vec<u8>,
    request: LabelsRequest,
) -> Result<LabelsAnswer, StoreError> {
    if name.is_empty() {
        return Err(StoreError::Invalid("label name is empty".to_owned()));
    }
    if request.without_labels.contains(&name) {
        return Ok(LabelsAnswer::default());
    }
    let name: Arc<[u8]> = name.into();
    gather(store, &blocks, &request, LABEL_VALUES, move |question| {
        let name = Arc::clone(&name);
        async move { values_of(&name, &question).await }
    })
    .await
}

async fn names_of(Question { block, asked }: &Question) -> Result<Strings, BlockError> {
    let mut names = Strings::new();
    if !asked.matchers.is_empty() {
        block
            .rows(asked, |batch| {
                for label in batch.rows.iter().flat_map(|(labels, _)| labels.iter()) {
                    if !names.contains(label.name) {
                        names.insert(label.name.to_vec());
                    }
                }
            })
            .await?;
        return Ok(names);
    }
    names.extend(block.header().await?.label_names().map(<[u8]>::to_vec));
    names.extend(block.external.iter().map(|label| label.name.to_vec()));
    Ok(names)
}

async fn values_of(name: &[u8], Question { block, asked }: &Question) -> Result<Strings, BlockError> {
    let means = &asked.request.means;
    if let Some(value) = block.external.get(name) {
        // External labels belong to series only.
        let there = asked.matchers.is_empty() || !block.ids(&asked.matchers, means).await?.0.is_empty();
        return Ok(there.then(|| value.to_vec()).into_iter().collect());
    }
    Ok(block.label_values(name, &asked.matchers, means).await?.into_iter().collect())
}

/// What `answer` finds in each block, each string once, sorted, up to the limit.
async fn gather<F>(
    store: &Inner,
    blocks: &BlockSet,
    request: &LabelsRequest,
    step: &'static str,
    answer: impl Fn(Question) -> F,
) -> Result<LabelsAnswer, StoreError>
where
    F: Future<Output = Result<Strings, BlockError>>,
{
    let Some(range) = store.clamp(request.range) else { return Ok(LabelsAnswer::default()) };
    let questions = questions(store, blocks, request, range);
    let answers = futures::stream::iter(questions).map(|question| {
        let (block, answered) = (question.block.meta.ulid, answer(question));
        async move { answered.await.map_err(BlockFailure::at(step, block)) }
    });
    let mut answers = std::pin::pin!(answers.buffer_unordered(LABEL_BLOCKS));
    let (mut strings, mut warnings) = (Strings::new(), Vec::new());
    while let Some(answer) = answers.next().await {
        match answer {
            Ok(more) => strings.extend(more),
            Err(failure) => {
                if let Some(reason) = failure.refused_for() {
                    store.metrics.of(request.tenant.as_ref().map(TenantId::as_str)).dropped(reason);
                }
                if failure.spoils_all(request.partial) {
                    return Err(failure.of_store(&store.name));
                }
                warnings.push(failure.to_string());
            }
        }
    }
    let strings = strings.into_iter().take(request.limit.unwrap_or(usize::MAX)).collect();
    Ok(LabelsAnswer { strings, warnings })
}

fn questions(store: &Inner, blocks: &BlockSet, request: &LabelsRequest, range: TimeRange) -> Vec<Question> {
    let chosen = blocks.for_labels(range, (&request.matchers, &request.block_matchers));
    let count: usize = chosen.iter().map(|chosen| chosen.blocks.len()).sum();
    let (means, batch_bytes) = store.means(request.tenant.as_ref(), count.min(LABEL_BLOCKS));
    let block_request = Arc::new(BlockRequest {
        range,
        skip_chunks: true,
        limit: None,
        shard: None,
        aggregates: Vec::new(),
        means,
        batch_bytes,
    });
    let mut questions = Vec::with_capacity(count);
    for chosen in chosen {
        let asked = |matchers: &Arc<[Matcher]>| Asked {
            matchers: Arc::clone(matchers),
            without: Arc::clone(&request.without_labels),
            partial: request.partial,
            request: Arc::clone(&block_request),
        };
        questions.extend(chosen.blocks.into_iter().map(|block| Question { block, asked: asked(&chosen.matchers) }));
    }
    questions
}
