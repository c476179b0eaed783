// One model through OpenAI's SDK for Node: openai.mjs BASE MODEL REFUSED SHOWN
import OpenAI from "openai";
import { zodResponseFormat } from "openai/helpers/zod";
import { z } from "zod";

import { ADDRESS, CALLS, PICTURE, TEXT, equal, needs, parameters, rejects, run, yes } from "./checks.mjs";

const { base, model, refused, shown } = parameters();
const sdk = new OpenAI({ baseURL: `${base}/v1`, apiKey: "unused", maxRetries: 0, timeout: 30_000 });
const user = (content) => [{ role: "user", content }];
const ask = (content, more = {}) =>
  sdk.chat.completions.create({ model, messages: user(content), ...more });

const Journey = z.object({
  city: z.string(),
  line: z.string().nullable(),
  stops: z.array(z.object({ name: z.string(), minutes: z.number().int() })),
});

const tool = (name, field) => ({
  type: "function",
  function: {
    name,
    description: `By ${field}`,
    parameters: { type: "object", properties: { [field]: { type: "string" } }, required: [field] },
  },
});
const TOOLS = [tool("get_weather", "city"), tool("get_time", "zone")];
const EXPECTED = [
  ["get_weather", { city: "Oslo" }],
  ["get_time", { zone: "UTC" }],
];
const callsOf = (message) =>
  message.tool_calls.map((call) => [call.function.name, JSON.parse(call.function.arguments)]);

const checks = {
  async unary() {
    const answer = await ask(`[[say:${TEXT}]]`);
    equal(answer.choices[0].message.content, TEXT);
    equal(answer.choices[0].finish_reason, "stop");
    const { prompt_tokens, completion_tokens, total_tokens } = answer.usage;
    equal(total_tokens, prompt_tokens + completion_tokens);
  },

  async streamed() {
    const stream = await ask(`[[say:${TEXT}]]`, {
      stream: true,
      stream_options: { include_usage: true },
    });
    let text = "";
    let usage = null;
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta?.content ?? "";
      usage = chunk.usage ?? usage;
    }
    equal(text, TEXT);
    equal(usage.prompt_tokens, (await ask(`[[say:${TEXT}]]`)).usage.prompt_tokens);
    equal(usage.total_tokens, usage.prompt_tokens + usage.completion_tokens);
  },

  async streamingHelper() {
    const runner = sdk.chat.completions.stream({
      model,
      messages: user(`[[say:${TEXT}]]`),
      stream_options: { include_usage: true },
    });
    equal(await runner.finalContent(), TEXT);
    yes((await runner.totalUsage()).total_tokens > 0);
  },

  async tools() {
    const messages = user(CALLS);
    const first = (await sdk.chat.completions.create({ model, messages, tools: TOOLS })).choices[0];
    equal(first.finish_reason, "tool_calls");
    equal(callsOf(first.message), EXPECTED);
    const streamed = sdk.chat.completions.stream({ model, messages, tools: TOOLS });
    equal(callsOf(await streamed.finalMessage()), EXPECTED);
    messages.push(first.message);
    for (const call of first.message.tool_calls) {
      messages.push({
        role: "tool",
        tool_call_id: call.id,
        content: `${call.function.name} says 17`,
      });
    }
    const second = await sdk.chat.completions.create({ model, messages, tools: TOOLS });
    for (const [name] of EXPECTED) yes(second.choices[0].message.content.includes(`${name} says 17`));
  },

  async toolRunner() {
    const asked = [];
    const runner = sdk.chat.completions.runTools({
      model,
      messages: user('[[tool:get_weather {"city": "Oslo"}]]'),
      tools: [
        {
          type: "function",
          function: {
            ...TOOLS[0].function,
            parse: JSON.parse,
            function: ({ city }) => {
              asked.push(city);
              return `rain in ${city}`;
            },
          },
        },
      ],
    });
    yes((await runner.finalContent()).includes("rain in Oslo"));
    equal(asked, ["Oslo"]);
  },

  parsed: needs("structured", async () => {
    const answer = await sdk.chat.completions.parse({
      model,
      messages: user("Which journey? Answer as JSON."),
      response_format: zodResponseFormat(Journey, "journey"),
    });
    yes(answer.choices[0].message.parsed.stops[0].minutes > 0);
    equal(answer.choices[0].message.tool_calls ?? [], []);
  }),

  pictures: needs("images", async () => {
    const answer = await ask([
      { type: "text", text: "[[look]]" },
      { type: "image_url", image_url: { url: `data:image/png;base64,${PICTURE}` } },
      { type: "image_url", image_url: { url: ADDRESS } },
    ]);
    equal(answer.choices[0].message.content, `I see image/png of 8 bytes; ${ADDRESS}.`);
  }),

  reasoning: needs("effort", async () => {
    const answer = await ask("[[think]] [[say:the answer]]", { reasoning_effort: "low" });
    equal(answer.choices[0].message.content, "the answer");
    const { reasoning_content, reasoning } = answer.choices[0].message;
    equal(Boolean(reasoning_content ?? reasoning), shown.has("thoughts"));
    const details = answer.usage.completion_tokens_details;
    equal(Boolean(details?.reasoning_tokens), shown.has("tokens"));
  }),

  async errors() {
    const limited = await rejects(OpenAI.RateLimitError, () => ask("[[fault:*:429,retry_after=7]]"));
    equal(limited.headers.get("retry-after"), "7");
    equal((await rejects(OpenAI.InternalServerError, () => ask("[[fault:*:401]]"))).status, 502);
    await rejects(OpenAI.BadRequestError, () => ask("[[fault:*:400]]"));
    const unknown = () => sdk.chat.completions.create({ model: "no-such", messages: user("x") });
    equal((await rejects(OpenAI.NotFoundError, unknown)).code, "model_not_found");
    const broken = async () => {
      const stream = await ask("[[events:80]] [[fault:*:cut=3000]]", { stream: true });
      for await (const chunk of stream) equal(chunk.choices[0]?.finish_reason ?? null, null);
    };
    yes((await rejects(OpenAI.APIError, broken)).message.includes("not complete"));
  },
};
await run(checks, refused);
