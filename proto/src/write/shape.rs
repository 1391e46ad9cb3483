//! The messages of a write that the walk only checks: against their shape, so that whoever reads them meets no fault.
//! Field numbers: `types.proto` of Prometheus.

use crate::wire::{self, Fault, WRONG_WIRE_TYPE, Wire};

/// The fields of a message: number and kind.
#[derive(Debug)]
pub(super) struct Shape(&'static [(u32, Kind)]);

#[derive(Debug, Clone, Copy)]
enum Kind {
    Varint,
    Fixed64,
    Bytes,
    Message(&'static Shape),
    /// Repeated; packed or one by one.
    Varints,
    /// Repeated; packed or one by one.
    Fixed64s,
}

pub(super) static LABEL: Shape = Shape(&[(1, Kind::Bytes), (2, Kind::Bytes)]);

pub(super) static EXEMPLAR: Shape = Shape(&[(1, Kind::Message(&LABEL)), (2, Kind::Fixed64), (3, Kind::Varint)]);

/// Of version 2.0.
pub(super) static EXEMPLAR_2: Shape = Shape(&[(1, Kind::Varints), (2, Kind::Fixed64), (3, Kind::Varint)]);

pub(super) static METADATA: Shape = Shape(&[(1, Kind::Varint), (2, Kind::Bytes), (4, Kind::Bytes), (5, Kind::Bytes)]);

pub(super) static HISTOGRAM: Shape = Shape(&[
    (1, Kind::Varint),
    (2, Kind::Fixed64),
    (3, Kind::Fixed64),
    (4, Kind::Varint),
    (5, Kind::Fixed64),
    (6, Kind::Varint),
    (7, Kind::Fixed64),
    (8, Kind::Message(&SPAN)),
    (9, Kind::Varints),
    (10, Kind::Fixed64s),
    (11, Kind::Message(&SPAN)),
    (12, Kind::Varints),
    (13, Kind::Fixed64s),
    (14, Kind::Varint),
    (15, Kind::Varint),
    (16, Kind::Fixed64s),
    // Of version 2.0.
    (17, Kind::Varint),
]);

static SPAN: Shape = Shape(&[(1, Kind::Varint), (2, Kind::Varint)]);

impl Shape {
    /// Checks the message that reaches from `at` to the end of `body`. Shapes do not refer to themselves, so neither does
    /// this call itself more than twice deep.
    pub(super) fn check(&self, body: &[u8], mut at: usize) -> Result<(), Fault> {
        while at < body.len() {
            let start = at;
            let key = wire::key(body, &mut at)?;
            let kind = self.0.iter().find(|(number, _)| *number == key.number).map(|(_, kind)| *kind);
            match (kind, key.wire) {
                (Some(Kind::Message(shape)), Wire::Len) => {
                    let end = wire::end_of_len(body, &mut at)?;
                    shape.check(body.get(..end).unwrap_or_default(), at)?;
                    at = end;
                }
                (Some(Kind::Varints), Wire::Len) => {
                    let end = wire::end_of_len(body, &mut at)?;
                    let packed = body.get(..end).unwrap_or_default();
                    while at < end {
                        wire::uvarint(packed, &mut at)?;
                    }
                }
                (Some(Kind::Fixed64s), Wire::Len) => {
                    let end = wire::end_of_len(body, &mut at)?;
                    if !(end - at).is_multiple_of(8) {
                        return Err(Fault { at: start, what: "packed doubles do not fill their field" });
                    }
                    at = end;
                }
                (Some(kind), wire) if kind.wire() != wire => return Err(Fault { at: start, what: WRONG_WIRE_TYPE }),
                (_, wire) => wire::skip(body, wire, &mut at)?,
            }
        }
        Ok(())
    }
}

impl Kind {
    /// The wire type of one value.
    fn wire(self) -> Wire {
        match self {
            Kind::Varint | Kind::Varints => Wire::Varint,
            Kind::Fixed64 | Kind::Fixed64s => Wire::Fixed64,
            Kind::Bytes | Kind::Message(_) => Wire::Len,
        }
    }
}
