// One model through Anthropic's SDK for Node: anthropic.mjs BASE MODEL REFUSED SHOWN
import Anthropic from "@anthropic-ai/sdk";
import { zodOutputFormat } from "@anthropic-ai/sdk/helpers/zod";
import { z } from "zod";

import { ADDRESS, CALLS, PICTURE, TEXT, equal, needs, parameters, rejects, run, yes } from "./checks.mjs";

const { base, model, refused, shown } = parameters();
const sdk = new Anthropic({ baseURL: base, apiKey: "unused", maxRetries: 0, timeout: 30_000 });
const THINKING = { type: "enabled", budget_tokens: 1024 };
const request = (content, more = {}) => ({
  model,
  max_tokens: 3000,
  messages: Array.isArray(content) ? content : [{ role: "user", content }],
  ...more,
});
const ask = (content, more) => sdk.messages.create(request(content, more));
const streamed = (content, more) => sdk.messages.stream(request(content, more)).finalMessage();
const both = async (content, more) => [await ask(content, more), await streamed(content, more)];
const blocksOf = (message, type) => message.content.filter((block) => block.type === type);
const textOf = (message) => blocksOf(message, "text").map((block) => block.text).join("");

const tool = (name, field) => ({
  name,
  input_schema: { type: "object", properties: { [field]: { type: "string" } }, required: [field] },
});
const TOOLS = [tool("get_weather", "city"), tool("get_time", "zone")];
const resultsOf = (message, content) =>
  blocksOf(message, "tool_use").map((block) => ({
    type: "tool_result",
    tool_use_id: block.id,
    content,
  }));

const Journey = z.object({
  city: z.string(),
  stops: z.array(z.object({ name: z.string(), minutes: z.number().int() })),
});

const checks = {
  async text() {
    for (const message of await both(`[[say:${TEXT}]]`)) {
      equal(textOf(message), TEXT);
      equal(message.stop_reason, "end_turn");
      yes(message.usage.input_tokens > 0 && message.usage.output_tokens > 0);
    }
  },

  async tools() {
    for (const first of await both(CALLS, { tools: TOOLS })) {
      const calls = blocksOf(first, "tool_use").map((block) => [block.name, block.input]);
      equal(calls, [
        ["get_weather", { city: "Oslo" }],
        ["get_time", { zone: "UTC" }],
      ]);
      equal(first.stop_reason, "tool_use");
      const history = [
        { role: "user", content: CALLS },
        { role: "assistant", content: first.content },
        { role: "user", content: resultsOf(first, "it is 17") },
      ];
      for (const second of await both(history, { tools: TOOLS })) {
        yes(textOf(second).includes("it is 17"));
      }
    }
  },

  thinking: needs("effort", async () => {
    const asked = `[[think]] ${CALLS}`;
    for (const first of await both(asked, { tools: TOOLS, thinking: THINKING })) {
      equal(blocksOf(first, "thinking").length > 0, shown.has("thoughts"));
      equal(Boolean(first.usage.output_tokens_details?.thinking_tokens), shown.has("tokens"));
      const history = [
        { role: "user", content: asked },
        { role: "assistant", content: first.content },
        { role: "user", content: resultsOf(first, "it is 17") },
      ];
      const second = await ask(history, { tools: TOOLS, thinking: THINKING });
      yes(textOf(second).includes("it is 17"));
    }
  }),

  parsed: needs("structured", async () => {
    const message = await sdk.messages.parse({
      ...request("Which journey? Answer as JSON."),
      output_config: { format: zodOutputFormat(Journey) },
    });
    yes(message.parsed_output.stops[0].minutes > 0);
  }),

  pictures: needs("images", async () => {
    const source = { type: "base64", media_type: "image/png", data: PICTURE };
    const content = [
      { type: "image", source },
      { type: "image", source: { type: "url", url: ADDRESS } },
      { type: "text", text: "[[look]]" },
    ];
    for (const message of await both([{ role: "user", content }])) {
      equal(textOf(message), `I see image/png of 8 bytes; ${ADDRESS}.`);
    }
  }),

  async errors() {
    const limited = await rejects(Anthropic.RateLimitError, () =>
      ask("[[fault:*:429,retry_after=7]]"),
    );
    equal(limited.headers.get("retry-after"), "7");
    equal((await rejects(Anthropic.InternalServerError, () => ask("[[fault:*:401]]"))).status, 500);
    await rejects(Anthropic.BadRequestError, () => ask("[[fault:*:400]]"));
    await rejects(Anthropic.NotFoundError, () => ask("x", { model: "no-such" }));
    const broken = () => streamed("[[events:80]] [[fault:*:cut=3000]]");
    yes((await rejects(Anthropic.APIError, broken)).message.includes("not complete"));
  },
};
await run(checks, refused);
