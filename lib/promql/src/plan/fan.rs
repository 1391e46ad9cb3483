//! What is evaluated once for several places of a query.

use super::build::{Builder, Tail};
use super::place::Place;
use super::select::PlannedUse;
use super::{Chain, Destination, Plan, ScalarId};
use crate::QueryError;
use crate::ast::{Expr, ExprKind};
use crate::chain::Op;

/// Where the series of an expression go on to: several chains, each of which gets all of them.
#[derive(Debug, Default)]
pub(crate) struct Fan {
    pub(crate) chains: Vec<Chain>,
    /// How many ends there are behind it, where no series goes on by itself.
    pub(crate) ends: usize,
}

/// An expression that was planned, and to which others may turn that are the same.
#[derive(Debug)]
pub(super) struct Common<'a> {
    fan: usize,
    first: &'a Expr,
    /// The level above all selects in it.
    above: usize,
}

/// The same of a number per step, and the level from which on it can be used.
#[derive(Debug)]
pub(super) struct CommonScalar<'a> {
    planned: (ScalarId, usize),
    first: &'a Expr,
    above: usize,
}

/// What an expression is known by: its class and where it is.
pub(super) type CommonKey = (usize, Place);

impl<'a> Builder<'a> {
    /// Plans an expression that is wanted at several places, here or wherever it was met first.
    pub(super) fn common(
        &mut self,
        (expr, class): (&'a Expr, usize),
        place: Place,
        tail: Tail,
    ) -> Result<(), QueryError> {
        let key = (class, place.clone().seen_by(expr));
        if let Some(Common { fan, first, above }) = self.commons.get(&key) {
            self.above = self.above.max(*above);
            self.plan.twins.add(first, expr);
            if let Some(fan) = self.plan.fans.get_mut(*fan) {
                fan.chains.push(tail.chain());
            }
            return Ok(());
        }
        let fan = self.plan.fans.len();
        self.plan.fans.push(Fan { chains: vec![tail.chain()], ends: 0 });
        let plan = |builder: &mut Self| builder.vector_itself(expr, place, Tail::to(Destination::Fan(fan)));
        let ((), above) = self.above(plan)?;
        self.commons.insert(key, Common { fan, first: expr, above });
        Ok(())
    }

    /// The same of a number per step.
    pub(super) fn common_scalar(
        &mut self,
        (expr, class): (&'a Expr, usize),
        place: &Place,
    ) -> Result<(ScalarId, usize), QueryError> {
        let key = (class, place.clone().seen_by(expr));
        if let Some(CommonScalar { planned, first, above }) = self.common_scalars.get(&key) {
            self.above = self.above.max(*above);
            self.plan.twins.add(first, expr);
            return Ok(*planned);
        }
        let (planned, above) = self.above(|builder| builder.scalar_itself(expr, place))?;
        self.common_scalars.insert(key, CommonScalar { planned, first: expr, above });
        Ok(planned)
    }
}

impl Place {
    /// What of it makes a difference to `expr`.
    fn seen_by(mut self, expr: &Expr) -> Self {
        // All others say themselves for what their selectors are.
        if !matches!(expr.kind, ExprKind::Vector(_) | ExprKind::Unary(..)) {
            self.func.clear();
        }
        self
    }
}

/// Lets chains run on where a fan has one way only, counts the ends behind each fan, and says of what is counted how often.
pub(super) fn finish_fans(plan: &mut Plan, uses: &mut [PlannedUse]) {
    let mut fans = std::mem::take(&mut plan.fans);
    for at in 0..fans.len() {
        let mut chains = std::mem::take(&mut fans[at].chains);
        chains.iter_mut().for_each(|chain| run_on(chain, &mut fans));
        fans[at].chains = chains;
    }
    uses.iter_mut().for_each(|planned| run_on(&mut planned.planned.chain, &mut fans));
    plan.stages.iter_mut().for_each(|stage| run_on(&mut stage.out, &mut fans));
    plan.sources.iter_mut().for_each(|source| run_on(&mut source.chain, &mut fans));
    for at in 0..fans.len() {
        count_ends(at, &mut fans);
    }
    let of_fans = fans.iter_mut().flat_map(|fan| &mut fan.chains);
    let of_uses = uses.iter_mut().map(|planned| &mut planned.planned.chain);
    let of_stages = plan.stages.iter_mut().map(|stage| &mut stage.out);
    let of_sources = plan.sources.iter_mut().map(|source| &mut source.chain);
    for op in of_fans.chain(of_uses).chain(of_stages).chain(of_sources).flat_map(|chain| &mut chain.ops) {
        if let Op::Window { call, times, .. } = op {
            *times = plan.twins.times(call.node);
        }
    }
    for planned in uses {
        planned.planned.times = plan.twins.times(planned.planned.node);
    }
    plan.fans = fans;
}

fn run_on(chain: &mut Chain, fans: &mut [Fan]) {
    while let Destination::Fan(at) = chain.to
        && let Some(fan) = fans.get_mut(at)
        && fan.chains.len() == 1
        && let Some(next) = fan.chains.pop()
    {
        chain.ops.extend(next.ops);
        chain.to = next.to;
    }
}

/// How many ends are behind fan `at`. Fans are nested no deeper than expressions that are parts of each other.
fn count_ends(at: usize, fans: &mut [Fan]) -> usize {
    if fans[at].ends == 0 {
        let ways: Vec<Destination> = fans[at].chains.iter().map(|chain| chain.to).collect();
        fans[at].ends =
            ways.into_iter().map(|to| if let Destination::Fan(next) = to { count_ends(next, fans) } else { 1 }).sum();
    }
    fans[at].ends
}

impl Plan {
    /// Where series come to first that go to `to`.
    pub(crate) fn first_end(&self, mut to: Destination) -> Destination {
        while let Destination::Fan(fan) = to
            && let Some(first) = self.fans.get(fan).and_then(|fan| fan.chains.first())
        {
            to = first.to;
        }
        to
    }

    /// Where the series of `chain` come to, in the order of the ways they take.
    pub(crate) fn ends(&self, chain: &Chain) -> Vec<Destination> {
        let (mut ends, mut open) = (Vec::new(), vec![chain.to]);
        while let Some(to) = open.pop() {
            match to {
                Destination::Fan(fan) => {
                    open.extend(self.fans.get(fan).iter().flat_map(|fan| &fan.chains).rev().map(|chain| chain.to));
                }
                end => ends.push(end),
            }
        }
        ends
    }
}

#[cfg(test)]
mod tests;
