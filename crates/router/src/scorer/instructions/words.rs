//! The words that a task is known by.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use crate::scorer::by_hash::ByHash;
use crate::scorer::scan::{cue_hash, lower_hash};

/// What a word may be in a sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u16)]
pub(super) enum Role {
    /// A verb of work.
    Work = 1,
    /// Says what may be asked, not what is.
    Offered = 1 << 1,
    /// A model named after its work.
    Name = 1 << 2,
    /// A verb that says in which form the answer is wanted.
    Form = 1 << 3,
    /// Behind such a verb and "your task is": the answer is the task.
    Exact = 1 << 4,
    /// May stand before the verb.
    Filler = 1 << 5,
    /// Behind it stands the task.
    Task = 1 << 6,
    /// Behind it stands who the model is.
    Are = 1 << 7,
    /// To be of service is no task.
    Service = 1 << 8,
    /// Begins a sentence whose verb stands behind a comma.
    Circumstance = 1 << 9,
    /// Begins a sentence whose work stands behind "and".
    Takes = 1 << 10,
    And = 1 << 11,
    That = 1 << 12,
    /// Behind a verb of work: it speaks of the model's own answers ("check your answer", "write in a
    /// friendly tone").
    Manner = 1 << 13,
    /// A verb or name of work whose answer is the text itself in another form.
    GivesBack = 1 << 14,
}

/// The roles that a word may have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Roles(u16);

impl Roles {
    pub(super) fn has(self, role: Role) -> bool {
        self.0 & role as u16 != 0
    }
}

/// Listed words and pairs of characters, with their roles.
#[derive(Debug)]
pub(in crate::scorer) struct Words(ByHash<Roles>);

/// The table of all words, built on first use.
pub(in crate::scorer) fn table() -> &'static Words {
    static TABLE: OnceLock<Box<Words>> = OnceLock::new();
    TABLE.get_or_init(|| Box::new(Words::build()))
}

impl Words {
    fn build() -> Self {
        let mut roles: BTreeMap<u64, u16> = BTreeMap::new();
        let mut note =
            |word: &str, role: Role| *roles.entry(cue_hash(word)).or_default() |= role as u16;
        for (role, words) in &LISTS {
            for word in words.split(' ') {
                note(word, *role);
            }
        }
        for verb in ENGLISH_WORK.split(' ') {
            for form in forms(verb) {
                note(&form, Role::Work);
                if ENGLISH_GIVES_BACK.split(' ').any(|one| one == verb) {
                    note(&form, Role::GivesBack);
                }
            }
        }
        let mut words = ByHash::new();
        for (hash, roles) in roles {
            words.insert(hash, Roles(roles));
        }
        Self(words)
    }

    /// The roles of a word in any case.
    pub(super) fn of_word(&self, word: &str) -> Roles {
        self.of_hash(lower_hash(word)).unwrap_or_default()
    }

    /// The roles of a pair of characters, or of a word in lower case.
    pub(super) fn of_hash(&self, hash: u64) -> Option<Roles> {
        self.0.find(hash)
    }
}

/// "classify", "classifies", "classifying".
fn forms(verb: &str) -> [String; 3] {
    let hissing = ["s", "x", "sh", "ch"].iter().any(|end| verb.ends_with(end));
    let third = match verb.strip_suffix('y') {
        Some(stem) if !stem.ends_with(['a', 'e', 'i', 'o', 'u']) => format!("{stem}ies"),
        _ if hissing => format!("{verb}es"),
        _ => format!("{verb}s"),
    };
    let short = [
        "tag", "plan", "flag", "split", "map", "spot", "sum", "debug",
    ]
    .contains(&verb);
    let ing = match verb.strip_suffix('e') {
        Some(stem) => format!("{stem}ing"),
        None if short => format!("{verb}{}ing", &verb[verb.len() - 1..]),
        None => format!("{verb}ing"),
    };
    [verb.to_owned(), third, ing]
}

/// Verbs of work in English, without their endings.
const ENGLISH_WORK: &str = "translate classify categorize categorise label tag extract summarize summarise rewrite rephrase paraphrase correct fix proofread convert reformat redact rename anonymize anonymise detect identify find list check verify review analyze analyse audit diagnose prove derive solve design redesign devise plan optimize optimise refactor debug evaluate assess score rate grade rank compare generate write produce draft create compose suggest propose determine decide judge moderate flag split normalize normalise parse count compute calculate estimate predict reconcile transcribe shorten simplify expand explain describe investigate trace sort merge clean mark route infer formulate develop implement port migrate critique argue examine pick choose condense mask remove replace turn transform restructure formalize formalise spot locate construct establish reconstruct give say tell copy quote pull sum advise apply refute defend fill";

/// Those of them whose answer is the text itself in another form.
const ENGLISH_GIVES_BACK: &str = "translate rewrite rephrase paraphrase correct fix proofread convert reformat redact rename anonymize anonymise refactor normalize normalise transcribe simplify port migrate mask transform restructure copy clean";

/// Words in lower case, and pairs of characters of scripts without spaces.
const LISTS: [(Role, &str); 15] = [
    (
        Role::Work,
        "übersetze übersetzen klassifiziere fasse extrahiere korrigiere prüfe finde beweise analysiere schreibe traduis traduisez classe résume résumez extrais extrayez corrige corrigez trouve trouvez vérifie démontre traduce traduzca clasifica resume extrae encuentra demuestra analiza traduza classifique traduci riassumi estrai trova dimostra переведи переведите классифицируй извлеки исправь найди докажи проанализируй 任务 翻译 译成 译为 分类 归类 提取 抽取 总结 概括 摘要 改写 润色 纠正 校对 改正 判断 识别 检测 检查 分析 证明 推导 设计 审查 审核 审计 诊断 优化 找出 标注 标记 转换 转成 转为 生成 撰写 起草 计算 求解 解答 评估 评分 打分 比较 排序 脱敏 列出 拟定 拟一 起一 查出 排查 论证 重构 制定 给出 用一 填写 写出 写一 翻訳 要約 証明 抽出 번역 요약 추출 분류 증명 翻譯 潤色 分類 總結 證明 設計 審查 診斷 優化 任務",
    ),
    (
        Role::Offered,
        "help helps helping assist assists can could may if unless not never don't able ask asks asked asking questions wants refuse avoid capable happy 如果 若是 若有 若用 若客 帮助 协助 可以 能够 擅长 不要 请勿 禁止 不得 询问 幫助 協助",
    ),
    (
        Role::Name,
        "translator translation classifier classification summarizer summariser summarization summarisation proofreader moderator moderation extractor extraction parser tagger redactor transcriber reviewer router triage detector detection corrector converter grader",
    ),
    (Role::Form, "return output reply respond answer emit"),
    (Role::Exact, "with only exactly"),
    (
        Role::Filler,
        "hi hello hey please always then first second next finally now only just also simply carefully quickly accurately thoroughly rigorously strictly critically you your will must should shall are to need have going task job role goal purpose mission duty objective is it step rule instructions instruction tasked expected with by here i me us want would like bitte du sie je tu vous veuillez",
    ),
    (Role::Task, "task job"),
    (Role::Are, "are as act"),
    (
        Role::Service,
        "support be provide ensure guide make keep answer respond reply talk chat handle serve the a",
    ),
    (
        Role::Circumstance,
        "based in using from given according for after on as once per when whenever whatever whoever without under within before while every each treat",
    ),
    (
        Role::Takes,
        "read take receive get look go consider given study",
    ),
    (Role::And, "and then"),
    (Role::That, "that who which"),
    (
        Role::Manner,
        "your in concisely clearly naturally like simply",
    ),
    (
        Role::GivesBack,
        "translator translation proofreader redactor transcriber corrector converter übersetze übersetzen korrigiere traduis traduisez corrige corrigez traduce traduzca traduza traduci переведи переведите исправь 翻译 译成 译为 改写 润色 纠正 校对 改正 转换 转成 转为 脱敏 重构 翻訳 번역 翻譯 潤色",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_of_verbs_are_known_in_any_case() {
        let words = table();
        for word in [
            "Classifies",
            "classifying",
            "TRANSLATES",
            "tagging",
            "assess",
            "assesses",
            "matches",
            "Übersetze",
            "plans",
            "planning",
            "says",
        ] {
            let expected = word != "matches";
            assert_eq!(words.of_word(word).has(Role::Work), expected, "{word}");
        }
        assert_eq!(words.of_word("steelyard"), Roles::default());
    }

    #[test]
    fn a_pair_stands_for_every_word_without_spaces() {
        for word in LISTS.iter().flat_map(|(_, words)| words.split(' ')) {
            let letters = word
                .chars()
                .filter(|letter| crate::scorer::classes::is_cjk(*letter));
            let letters = letters.count();
            let pair = letters == 2 && word.chars().count() == 2;
            assert!(letters == 0 || pair, "{word}");
            assert_eq!(word.to_lowercase(), word);
        }
    }
}
