//! The sample prompts: such as users of real products send, from easy to hard, in English and
//! Chinese. Written for this demo.

/// One sample.
pub(super) struct Prompt {
    pub(super) system: Option<&'static str>,
    pub(super) text: &'static str,
    /// The name of a function that is offered with it.
    pub(super) tool: Option<&'static str>,
    pub(super) stream: bool,
}

/// Words of the prompt whose first provider answers 429.
pub(super) const MEETS_A_RATE_LIMIT: &str = "unsubscribe";
/// Words of the prompt whose first provider answers 503.
pub(super) const MEETS_AN_OVERLOAD: &str = "double-spends";

const fn plain(text: &'static str) -> Prompt {
    Prompt {
        system: None,
        text,
        tool: None,
        stream: false,
    }
}

const fn streamed(text: &'static str) -> Prompt {
    Prompt {
        system: None,
        text,
        tool: None,
        stream: true,
    }
}

const fn with_system(system: &'static str, text: &'static str) -> Prompt {
    Prompt {
        system: Some(system),
        text,
        tool: None,
        stream: false,
    }
}

/// The samples.
pub(super) const PROMPTS: &[Prompt] = &[
    plain("Say hello to our new customer Ana in one friendly sentence."),
    plain("Translate to Spanish: The package will arrive tomorrow."),
    with_system(
        "You label support tickets. Answer with one word: billing, bug, account or other.",
        "I was charged twice this month and want my money back.",
    ),
    plain("把这句话翻译成英文：您的订单已经发货，预计三天内送达。"),
    plain("Fix the spelling: we recieved you're adress and will definately send it."),
    streamed("Write a short out-of-office reply for the week of 14 July."),
    with_system(
        "You answer customers of an online shop in two sentences at most.",
        "How do I unsubscribe from your newsletter?",
    ),
    plain("给客户写一条简短的短信，提醒他明天上午十点的预约。"),
    plain("Extract the date and the amount: Invoice 4711, due 3 May 2026, total EUR 1,249.00"),
    Prompt {
        system: None,
        text: "What will the weather be in Lisbon tomorrow?",
        tool: Some("get_forecast"),
        stream: false,
    },
    plain(
        "Summarise in one sentence: The meeting moved from Tuesday to Thursday because the \
           auditors need two more days for the quarterly report.",
    ),
    streamed("请用三句话总结一下远程办公的优点和缺点。"),
    plain("List five names for a small bakery that sells only sourdough bread."),
    plain("Write a SQL query that returns the ten customers with the highest revenue in 2025."),
    plain("Explain the difference between a process and a thread to a junior developer."),
    streamed("Write a Python function that parses ISO 8601 durations such as P3DT4H30M."),
    plain("请解释什么是数据库事务的隔离级别，并说明幻读是怎么产生的。"),
    plain(
        "A train leaves at 9:40 and travels 210 km at 84 km/h. A second one leaves at 10:10 and \
           takes the same route at 105 km/h. When does it catch up, and how far from the start?",
    ),
    with_system(
        "You review contracts for a software company.",
        "Does a clause that caps liability at the fees of the last twelve months also cover a \
         breach of confidentiality under German law? Name the provisions and the risk.",
    ),
    plain(
        "Our Postgres query got 40 times slower after an upgrade; the plan changed from an index \
           scan to a hash join. List the likely causes and how you would verify each of them.",
    ),
    streamed(
        "Refactor this into idiomatic Rust and explain each ownership decision: a linked list \
              whose nodes are shared by two threads, with removal while iterating.",
    ),
    plain(
        "Design the schema and the locking protocol of a ledger that never double-spends when \
           two regions accept writes during a network partition. Prove the invariant.",
    ),
    plain(
        "证明：对任意正整数 n，n 的立方减去 n 能被 6 整除；然后推广到任意素数 p 的情形，并给出完整的证明。",
    ),
    plain(
        "Derive the gradient of the softmax cross-entropy loss with label smoothing, show that it \
           is bounded, and analyse its numerical stability in bfloat16.",
    ),
    streamed(
        "Prove that there are infinitely many primes congruent to 3 modulo 4, and explain why \
              the same argument fails for 1 modulo 4.",
    ),
    plain(
        "设计一个支持百万并发连接的消息推送系统：分析一致性、容错和背压，给出关键算法的伪代码和复杂度证明。",
    ),
];
