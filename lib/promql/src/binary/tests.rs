use super::{ScalarOp, between_scalars};
use crate::ast::{BinaryOp, Span};
use crate::column::{ColumnBuilder, FloatColumn};
use crate::plan::ScalarId;

fn columns() -> [FloatColumn; 3] {
    let mut sparse = ColumnBuilder::new(5);
    [0, 2, 4].iter().for_each(|step| sparse.set(*step, *step as f64 - 1.0));
    [FloatColumn::constant(3.0, 5), FloatColumn::full([1.0, f64::NAN, -2.0, 3.0, 0.0]), sparse.build()]
}

/// The operator on columns is the operator on numbers at each step, on whichever side the scalar stands.
#[test]
fn columns_are_numbers_step_by_step() {
    use BinaryOp::{Add, Atan2, Div, Eql, Gte, Gtr, Lss, Lte, Mod, Mul, Neq, Pow, Sub};
    let scalars = [FloatColumn::constant(2.0, 5), FloatColumn::full([3.0, 1.0, 0.0, -1.0, f64::INFINITY])];
    for op in [Add, Sub, Mul, Div, Mod, Pow, Atan2, Eql, Neq, Lss, Lte, Gtr, Gte] {
        for (column, scalar) in columns().iter().flat_map(|column| scalars.iter().map(move |scalar| (column, scalar))) {
            for scalar_left in [false, true] {
                let sides = |value, scalar| if scalar_left { (scalar, value) } else { (value, scalar) };
                let plain = |step: usize, value: f64| {
                    let (left, right) = sides(value, scalar.value(step));
                    between_scalars(op, left, right)
                };
                for return_bool in [false, true] {
                    let mut got = column.clone();
                    ScalarOp { op, scalar: ScalarId(0), scalar_left, return_bool, node: Span::default() }
                        .apply_to_floats(&mut got, scalar);
                    let filters = super::is_comparison(op) && !return_bool;
                    let mut want = ColumnBuilder::new(5);
                    for (step, value) in column.iter() {
                        match (filters, plain(step, value)) {
                            (true, 0.0) => {}
                            // What passes a filter is the series' value.
                            (true, _) => want.set(step, value),
                            (false, result) => want.set(step, result),
                        }
                    }
                    assert_eq!(got, want.build(), "{op:?} {column:?} {scalar:?} {scalar_left} {return_bool}");
                }
            }
        }
    }
}
