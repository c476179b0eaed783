// One model through the Responses API of OpenAI's SDK for Node: responses.mjs BASE MODEL REFUSED SHOWN
import OpenAI from "openai";
import { zodTextFormat } from "openai/helpers/zod";
import { z } from "zod";

import { ADDRESS, CALLS, PICTURE, TEXT, equal, needs, parameters, rejects, run, yes } from "./checks.mjs";

const { base, model, refused, shown } = parameters();
const sdk = new OpenAI({ baseURL: `${base}/v1`, apiKey: "unused", maxRetries: 0, timeout: 30_000 });
const ask = (input, more = {}) => sdk.responses.create({ model, input, store: false, ...more });
const streamed = (input, more = {}) =>
  sdk.responses.stream({ model, input, store: false, ...more }).finalResponse();
const both = async (input, more) => [await ask(input, more), await streamed(input, more)];
const itemsOf = (response, type) => response.output.filter((item) => item.type === type);

const Journey = z.object({
  city: z.string(),
  stops: z.array(z.object({ name: z.string(), minutes: z.number().int() })),
});

const tool = (name, field) => ({
  type: "function",
  name,
  description: `By ${field}`,
  strict: false,
  parameters: { type: "object", properties: { [field]: { type: "string" } }, required: [field] },
});
const TOOLS = [tool("get_weather", "city"), tool("get_time", "zone")];

const checks = {
  async text() {
    for (const response of await both(`[[say:${TEXT}]]`, { instructions: "Be brief." })) {
      equal(response.output_text, TEXT);
      equal(response.status, "completed");
      const { input_tokens, output_tokens, total_tokens } = response.usage;
      equal(total_tokens, input_tokens + output_tokens);
    }
  },

  async events() {
    const stream = await ask("[[events:30]]", { stream: true });
    let text = "";
    let number = 0;
    for await (const event of stream) {
      equal(event.sequence_number, number);
      number += 1;
      if (event.type === "response.output_text.delta") text += event.delta;
    }
    equal(text, Array.from({ length: 30 }, (_, index) => `word${index + 1} `).join(""));
  },

  async tools() {
    for (const first of await both(CALLS, { tools: TOOLS })) {
      const calls = itemsOf(first, "function_call");
      equal(
        calls.map((call) => [call.name, JSON.parse(call.arguments)]),
        [
          ["get_weather", { city: "Oslo" }],
          ["get_time", { zone: "UTC" }],
        ],
      );
      const results = calls.map((call) => ({
        type: "function_call_output",
        call_id: call.call_id,
        output: `${call.name} says 17`,
      }));
      const history = [{ role: "user", content: CALLS }, ...first.output, ...results];
      for (const second of await both(history, { tools: TOOLS })) {
        for (const { name } of calls) yes(second.output_text.includes(`${name} says 17`));
      }
    }
  },

  parsed: needs("structured", async () => {
    const response = await sdk.responses.parse({
      model,
      store: false,
      input: "Which journey? Answer as JSON.",
      text: { format: zodTextFormat(Journey, "journey") },
    });
    yes(response.output_parsed.stops[0].minutes > 0);
  }),

  pictures: needs("images", async () => {
    const content = [
      { type: "input_text", text: "[[look]]" },
      { type: "input_image", detail: "auto", image_url: `data:image/png;base64,${PICTURE}` },
      { type: "input_image", detail: "auto", image_url: ADDRESS },
    ];
    for (const response of await both([{ role: "user", content }])) {
      equal(response.output_text, `I see image/png of 8 bytes; ${ADDRESS}.`);
    }
  }),

  reasoning: needs("effort", async () => {
    const more = { reasoning: { effort: "low" } };
    for (const response of await both("[[think]] [[say:the answer]]", more)) {
      equal(response.output_text, "the answer");
      const reasoning = response.usage.output_tokens_details.reasoning_tokens;
      equal(reasoning > 0, shown.has("tokens"));
    }
  }),

  async errors() {
    await rejects(OpenAI.RateLimitError, () => ask("[[fault:*:429,retry_after=7]]"));
    await rejects(OpenAI.BadRequestError, () => ask("[[fault:*:400]]"));
    const kept = { previous_response_id: "resp_0123" };
    await rejects(OpenAI.BadRequestError, () => ask("Go on.", kept));
  },
};
await run(checks, refused);
