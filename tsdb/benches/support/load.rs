//! Series like those of a Kubernetes cluster: 11 labels, about 310 bytes of label text, 200 series a pod; 40 % constant values,
//! 20 % integer counters, 10 % float counters, 10 % gauges of bytes, 20 % gauges that change now and then.

#![allow(dead_code, reason = "several benches share this, each uses a part")]

use model::{Fingerprint, Fingerprinter, Labels, LabelsRef};
use tsdb::AppendSource;

pub(crate) struct Load {
    series: Vec<Series>,
    /// The order in which series are sent.
    order: Vec<u32>,
    pub(crate) time_ms: i64,
    random: Random,
}

struct Series {
    labels: Labels,
    fingerprint: Fingerprint,
    kind: u8,
    value: f64,
}

/// Some series of a round, in a form like that which a decoder leaves behind.
pub(crate) struct Request<'a> {
    load: &'a Load,
    order: &'a [u32],
    series: Vec<(Fingerprint, f64)>,
}

/// SplitMix64.
struct Random(u64);

pub(crate) const SERIES_PER_POD: usize = 200;

impl Load {
    /// `count` series, the pods numbered from `first_pod` on.
    pub(crate) fn new(first_pod: usize, count: usize, fingerprinter: &Fingerprinter) -> Self {
        let mut random = Random(42);
        let mut region = Vec::new();
        let series: Vec<_> = (0..count)
            .map(|number| {
                let labels = labels(first_pod + number / SERIES_PER_POD, number % SERIES_PER_POD);
                let fingerprint = fingerprinter.of_labels(labels.as_ref(), &mut region);
                let kind = (random.next() % 10) as u8;
                Series { labels, fingerprint, kind, value: (random.next() % 1000) as f64 }
            })
            .collect();
        Self { order: (0..count as u32).collect(), series, time_ms: 1_790_000_000_000, random }
    }

    /// Moves time on by 15 seconds and all values with it.
    pub(crate) fn next_round(&mut self, shuffled: bool) {
        self.time_ms += 15_000;
        for series in &mut self.series {
            let random = self.random.next();
            match series.kind {
                0..4 => {}
                4 | 5 => series.value += (random % 100) as f64,
                6 => series.value += (random % 1_000_000) as f64 * 1.37e-3,
                7 => series.value = ((random % (1 << 30)) & !4095) as f64,
                _ if random.is_multiple_of(10) => series.value = (random % 1000) as f64,
                _ => {}
            }
        }
        if shuffled {
            for at in (1..self.order.len()).rev() {
                self.order.swap(at, (self.random.next() % (at as u64 + 1)) as usize);
            }
        } else {
            self.order.sort_unstable();
        }
    }

    pub(crate) fn requests(&self, size: usize) -> impl Iterator<Item = Request<'_>> {
        self.order.chunks(size).map(|order| {
            let of = |&at: &u32| (self.series[at as usize].fingerprint, self.series[at as usize].value);
            Request { load: self, order, series: order.iter().map(of).collect() }
        })
    }
}

impl AppendSource for Request<'_> {
    fn len(&self) -> usize {
        self.order.len()
    }

    fn fingerprint(&self, index: usize) -> Fingerprint {
        self.series[index].0
    }

    fn samples(&self, index: usize) -> impl Iterator<Item = (i64, f64)> {
        std::iter::once((self.load.time_ms, self.series[index].1))
    }

    fn labels(&self, index: usize) -> Option<LabelsRef<'_>> {
        Some(self.load.series[self.order[index] as usize].labels.as_ref())
    }
}

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }
}

fn labels(pod: usize, series: usize) -> Labels {
    let (namespace, deployment) = (pod % 40, pod / 4);
    Labels::from_pairs([
        ("__name__", format!("container_workload_metric_{}_seconds_total", series / 4)),
        ("cluster", "eu-west-1-production-a".to_owned()),
        ("container", format!("deployment-{deployment}-main")),
        ("endpoint", "https-metrics".to_owned()),
        ("instance", format!("10.{}.{}.{}:8443", pod / 65_536, pod / 256 % 256, pod % 256)),
        ("job", format!("namespace-{namespace}/deployment-{deployment}")),
        ("le", format!("{}", [0.005, 0.1, 2.5, f64::INFINITY][series % 4])),
        ("namespace", format!("namespace-{namespace}-of-some-team")),
        ("node", format!("ip-10-0-{}-{}.eu-west-1.compute.internal", pod / 30 / 256, pod / 30 % 256)),
        ("pod", format!("deployment-{deployment}-main-5d9f7b8c6d-{:05x}", pod * 7919)),
        ("service", format!("deployment-{deployment}-metrics")),
    ])
    .unwrap()
}
