use super::*;

/// The cheap model knows every second prompt, the dear one all.
fn rows(known: impl Fn(usize) -> f64, length: impl Fn(usize) -> f64) -> Vec<PoolRow> {
    (0..100)
        .map(|index| {
            let cheap = Choice {
                forecast: known(index),
                by_length: length(index),
                expected_cost: 1.0,
                cost: 1.0,
                score: knows(index),
            };
            let dear = Choice {
                forecast: 1.0,
                by_length: 1.0,
                expected_cost: 10.0,
                cost: 10.0,
                score: 1.0,
            };
            vec![cheap, dear]
        })
        .collect()
}

fn knows(index: usize) -> f64 {
    f64::from(u8::from(index.is_multiple_of(2)))
}

fn grade(rows: &[PoolRow], times: &[u32]) -> PoolGrade {
    let pool = Pool::new(rows).expect("rows");
    pool.grade(times).expect("draws")
}

#[test]
fn perfect_forecasts_reach_the_oracle_and_blind_ones_nothing() {
    let grade = grade(&rows(knows, |_| 0.5), &[1; 100]);
    let (ours, mixing) = (grade.forecast, grade.mixing);
    assert!((ours.area - 1.0).abs() < 1e-9, "{grade:?}");
    assert_eq!(grade.best.0, 1);
    // All the score for half cheap and half dear calls: 5.5 of 10; at 98 % a little less.
    assert!(ours.saved_98 > 0.45, "{ours:?}");
    // Mixing pays 9 for half the score, so 2 % less score is 0.36 cheaper.
    assert!((mixing.saved_98 - 0.036).abs() < 1e-9 && mixing.area.abs() < 1e-9);
    assert!(times_mixing(ours.saved_98, mixing.saved_98) > 12.0);
    assert!(times_mixing(0.5, 0.0).is_nan());
    let blind = grade.by_length;
    assert!(blind.area.abs() < 1e-9, "{blind:?}");
    assert!((blind.saved_95 - mixing.saved_95).abs() < 1e-9);
}

#[test]
fn both_forecasts_are_graded_alike() {
    let there = grade(&rows(knows, |_| 0.5), &[1; 100]);
    let back = grade(&rows(|_| 0.5, knows), &[1; 100]);
    assert_eq!(there.forecast, back.by_length);
    assert_eq!(there.by_length, back.forecast);
}

#[test]
fn a_draw_grades_as_if_it_were_written_out() {
    let rows = rows(
        |index| (index % 3) as f64 / 3.0,
        |index| (index % 5) as f64 / 5.0,
    );
    let times: Vec<u32> = (0..100).map(|index| index % 3).collect();
    let written: Vec<PoolRow> = rows
        .iter()
        .zip(&times)
        .flat_map(|(row, times)| std::iter::repeat_n(row.clone(), *times as usize))
        .collect();
    let drawn = grade(&rows, &times);
    let written = grade(&written, &vec![1; written.len()]);
    for (drawn, written) in [
        (drawn.forecast, written.forecast),
        (drawn.by_length, written.by_length),
        (drawn.mixing, written.mixing),
    ] {
        assert!((drawn.area - written.area).abs() < 1e-9, "{drawn:?}");
        assert!(
            (drawn.saved_98 - written.saved_98).abs() < 1e-9,
            "{drawn:?}"
        );
    }
    assert!(Pool::new(&[]).is_none());
    assert_eq!(Pool::new(&rows).expect("rows").grade(&[0; 100]), None);
}

#[test]
fn where_the_best_model_is_the_cheapest_there_is_no_area() {
    let mut rows = rows(knows, |_| 0.5);
    for row in &mut rows {
        row[0].score = 1.0;
    }
    let cheapest = grade(&rows, &[1; 100]);
    assert_eq!(cheapest.best.0, 0);
    assert!(cheapest.forecast.area.is_nan() && cheapest.by_length.area.is_nan());
    assert!(cheapest.mixing.saved_98.abs() < 1e-9, "{cheapest:?}");
    // Nor where perfect choices are no better than mixing.
    for row in &mut rows {
        (row[0].score, row[1].score) = (0.25, 0.5);
    }
    let alike = grade(&rows, &[1; 100]);
    assert_eq!(alike.best.0, 1);
    assert!(alike.forecast.area.is_nan(), "{alike:?}");
}

#[test]
fn a_quality_that_is_not_reached_saves_nothing() {
    // Whoever believes in the cheap model alone stays at half of the score.
    let grade = grade(&rows(|_| 2.0, |_| 2.0), &[1; 100]);
    let saved = grade.forecast.saved_95;
    assert!(saved.is_infinite() && saved < 0.0, "{saved}");
}
