use super::bootstrap::{Interval, bootstrap_counts};

/// One answer and the chance of success that was forecast for it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Answer {
    /// Position of the prompt.
    pub prompt: usize,
    /// Position of the model.
    pub model: usize,
    /// Forecast of the score.
    pub chance: f64,
    /// The score, in [0, 1].
    pub score: f64,
}

/// How far the chances are from what came.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ChanceGrade<T> {
    /// Mean distance of forecast and outcome over ten equally filled groups of forecasts.
    pub calibration_error: T,
    /// Chance that an answer with a score of at least 0.5 had the larger forecast; not a number
    /// without two kinds of answers.
    pub auc: T,
    /// Mean square of the distance of forecast and score.
    pub brier: T,
}

/// Answers in the order of their chances, so that any draw of their prompts is graded in one pass.
#[derive(Debug, Clone)]
pub struct Chances {
    sorted: Vec<Answer>,
    prompts: usize,
}

impl Chances {
    /// Takes the answers of so many prompts; those of prompts past them do not count.
    #[must_use]
    pub fn new(mut answers: Vec<Answer>, prompts: usize) -> Self {
        answers.retain(|answer| answer.prompt < prompts);
        answers.sort_by(|a, b| a.chance.total_cmp(&b.chance));
        Self {
            sorted: answers,
            prompts,
        }
    }

    /// The same answers, each forecast to be its model's mean score: the baseline, which is taken
    /// from these very answers.
    #[must_use]
    pub fn by_mean_score(&self) -> Self {
        let models = self.sorted.iter().map(|answer| answer.model + 1).max();
        let mut sums = vec![(0.0, 0.0); models.unwrap_or_default()];
        for answer in &self.sorted {
            let (sum, count) = &mut sums[answer.model];
            *sum += answer.score;
            *count += 1.0;
        }
        let answers = self.sorted.iter().map(|answer| {
            let (sum, count) = sums[answer.model];
            Answer {
                chance: sum / count,
                ..*answer
            }
        });
        Self::new(answers.collect(), self.prompts)
    }

    /// Number of the answers.
    #[must_use]
    pub fn len(&self) -> usize {
        self.sorted.len()
    }

    /// Whether there is no answer.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sorted.is_empty()
    }

    /// Grades all answers.
    #[must_use]
    pub fn grade(&self) -> ChanceGrade<f64> {
        self.of(&vec![1; self.prompts])
    }

    /// The intervals of the grade, over draws of prompts with all their answers.
    #[must_use]
    pub fn intervals(&self, samples: u32) -> ChanceGrade<Interval> {
        let [calibration_error, auc, brier] = bootstrap_counts(self.prompts, samples, 1, |times| {
            let grade = self.of(times);
            [grade.calibration_error, grade.auc, grade.brier]
        });
        ChanceGrade {
            calibration_error,
            auc,
            brier,
        }
    }

    /// Grades the answers of prompts that were drawn so many times.
    fn of(&self, times: &[u32]) -> ChanceGrade<f64> {
        let total = self.sorted.iter().map(|one| u64::from(times[one.prompt]));
        let total: u64 = total.sum();
        let mut groups = Groups::new(total.div_ceil(10));
        let (mut squares, mut won) = (0.0, 0.0);
        let (mut ups, mut downs) = (0.0, 0.0);
        for tied in self
            .sorted
            .chunk_by(|a, b| a.chance.total_cmp(&b.chance).is_eq())
        {
            let (mut count, mut scores, mut up) = (0, 0.0, 0.0);
            for answer in tied {
                let times = times[answer.prompt];
                let weight = f64::from(times);
                count += u64::from(times);
                scores += weight * answer.score;
                squares += weight * (answer.chance - answer.score).powi(2);
                if answer.score >= 0.5 {
                    up += weight;
                }
            }
            if count == 0 {
                continue;
            }
            groups.take(count, tied[0].chance, scores / count as f64);
            let down = count as f64 - up;
            won += up * (downs + down / 2.0);
            ups += up;
            downs += down;
        }
        let auc = if ups > 0.0 && downs > 0.0 {
            won / (ups * downs)
        } else {
            f64::NAN
        };
        ChanceGrade {
            calibration_error: groups.finish() / total as f64,
            auc,
            brier: squares / total as f64,
        }
    }
}

/// Equally filled groups of forecasts, in their order. Where forecasts are alike, the groups that
/// share them have the same mix of outcomes.
struct Groups {
    size: u64,
    filled: u64,
    /// Forecasts less outcomes of the group at hand.
    apart: f64,
    sum: f64,
}

impl Groups {
    fn new(size: u64) -> Self {
        Self {
            size: size.max(1),
            filled: 0,
            apart: 0.0,
            sum: 0.0,
        }
    }

    fn take(&mut self, mut count: u64, chance: f64, score: f64) {
        while count > 0 {
            let taken = count.min(self.size - self.filled);
            self.apart += taken as f64 * (chance - score);
            self.filled += taken;
            count -= taken;
            if self.filled == self.size {
                self.close();
            }
        }
    }

    fn close(&mut self) {
        self.sum += self.apart.abs();
        self.apart = 0.0;
        self.filled = 0;
    }

    fn finish(mut self) -> f64 {
        self.close();
        self.sum
    }
}

/// A value of every answer, of which the median over any draw of prompts is one pass.
#[derive(Debug, Clone)]
pub struct Medians {
    sorted: Vec<(usize, f64)>,
    prompts: usize,
}

impl Medians {
    /// Takes values with the positions of their prompts, of which there are so many; those past
    /// them do not count.
    #[must_use]
    pub fn new(mut values: Vec<(usize, f64)>, prompts: usize) -> Self {
        values.retain(|(prompt, _)| *prompt < prompts);
        values.sort_by(|a, b| a.1.total_cmp(&b.1));
        Self {
            sorted: values,
            prompts,
        }
    }

    /// The median of all values, the upper one of two; not a number without any.
    #[must_use]
    pub fn median(&self) -> f64 {
        self.of(&vec![1; self.prompts])
    }

    /// Its interval over draws of prompts.
    #[must_use]
    pub fn interval(&self, samples: u32) -> Interval {
        let [interval] = bootstrap_counts(self.prompts, samples, 1, |times| [self.of(times)]);
        interval
    }

    fn of(&self, times: &[u32]) -> f64 {
        let total: u64 = self
            .sorted
            .iter()
            .map(|(prompt, _)| u64::from(times[*prompt]))
            .sum();
        let mut below = 0;
        for (prompt, value) in &self.sorted {
            below += u64::from(times[*prompt]);
            if below > total / 2 {
                return *value;
            }
        }
        f64::NAN
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One model's answers, one to a prompt.
    fn answers(count: u32, of: impl Fn(u32) -> (f64, f64)) -> Chances {
        let answers: Vec<Answer> = (0..count)
            .map(|index| {
                let (chance, score) = of(index);
                Answer {
                    prompt: index as usize,
                    model: 0,
                    chance,
                    score,
                }
            })
            .collect();
        Chances::new(answers, count as usize)
    }

    #[test]
    fn a_forecast_is_compared_with_what_came() {
        let fair = answers(100, |index| (0.5, f64::from(index % 2))).grade();
        assert!(fair.calibration_error < 1e-9 && (fair.brier - 0.25).abs() < 1e-9);
        assert!((fair.auc - 0.5).abs() < 1e-9);
        let bold = answers(100, |index| (0.9, f64::from(index % 2))).grade();
        assert!((bold.calibration_error - 0.4).abs() < 1e-9);
        assert!((bold.brier - 0.41).abs() < 1e-9, "{bold:?}");
        let sure = answers(100, |index| (f64::from(index % 2), f64::from(index % 2))).grade();
        assert_eq!(
            (sure.calibration_error, sure.auc, sure.brier),
            (0.0, 1.0, 0.0)
        );
    }

    #[test]
    fn the_order_of_tied_answers_does_not_matter() {
        let sorted = answers(100, |index| (0.5, f64::from(u8::from(index >= 50)))).grade();
        assert!(sorted.calibration_error < 1e-9, "{sorted:?}");
    }

    #[test]
    fn the_baseline_is_each_models_mean() {
        let answer = |prompt: usize, model: usize, score: f64| Answer {
            prompt,
            model,
            chance: 0.1,
            score,
        };
        let both = vec![
            answer(0, 0, 0.0),
            answer(0, 1, 1.0),
            answer(1, 0, 1.0),
            answer(1, 1, 1.0),
        ];
        let baseline = Chances::new(both, 2).by_mean_score().grade();
        // 0.5 for one model of which half came, 1 for the other.
        assert!((baseline.brier - 0.125).abs() < 1e-9, "{baseline:?}");
        assert!(baseline.calibration_error < 1e-9);
        assert!((baseline.auc - 5.0 / 6.0).abs() < 1e-9);
    }

    #[test]
    fn prompts_are_drawn_with_all_their_answers() {
        // Twenty answers to each of two prompts, one of which nobody can answer.
        let all: Vec<Answer> = (0..40)
            .map(|index| Answer {
                prompt: index % 2,
                model: index / 2,
                chance: 0.5,
                score: if index % 2 == 0 { 0.0 } else { 1.0 },
            })
            .collect();
        let error = Chances::new(all, 2).intervals(100).calibration_error;
        assert_eq!((error.low, error.high), (0.0, 0.5), "one prompt twice");
        let alike = answers(20, |index| (f64::from(index) / 20.0, 0.5));
        assert!(alike.grade().auc.is_nan() && alike.intervals(20).auc.low.is_nan());
        let none = Chances::new(Vec::new(), 3);
        assert!(none.is_empty() && none.grade().brier.is_nan());
        assert!(none.intervals(20).brier.low.is_nan());
    }

    #[test]
    fn a_draw_with_repeats_grades_as_if_they_were_written_out() {
        let of = |index: u32| (f64::from(index % 7) / 7.0, f64::from(index % 3) / 2.0);
        let once = answers(30, of);
        let times: Vec<u32> = (0..30).map(|index| index % 4).collect();
        let repeated: Vec<Answer> = once
            .sorted
            .iter()
            .flat_map(|one| std::iter::repeat_n(*one, times[one.prompt] as usize))
            .collect();
        let written = Chances::new(repeated, 30).grade();
        let drawn = once.of(&times);
        assert!((written.auc - drawn.auc).abs() < 1e-9);
        assert!((written.brier - drawn.brier).abs() < 1e-9);
        assert!((written.calibration_error - drawn.calibration_error).abs() < 1e-9);
    }

    #[test]
    fn a_median_is_that_of_the_draw() {
        let medians = Medians::new(vec![(0, 3.0), (1, 1.0), (2, 2.0), (9, 0.0)], 3);
        assert!(
            (medians.median() - 2.0).abs() < 1e-9,
            "the last has no prompt"
        );
        assert!((medians.of(&[3, 0, 0]) - 3.0).abs() < 1e-9);
        assert!(
            (medians.of(&[0, 1, 1]) - 2.0).abs() < 1e-9,
            "the upper of two"
        );
        let interval = medians.interval(200);
        assert_eq!((interval.low, interval.high), (1.0, 3.0));
        assert!(Medians::new(Vec::new(), 3).median().is_nan());
    }
}
