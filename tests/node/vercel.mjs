// One model through Vercel's AI SDK and three of its providers: vercel.mjs BASE MODEL REFUSED SHOWN
//
// What is refused has the name of its door before it: `chat/images`.
import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { APICallError, Output, generateObject, generateText, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";

import { CALLS, PICTURE, TEXT, equal, needs, parameters, rejects, run, yes } from "./checks.mjs";

const { base, model, refused } = parameters();
const baseURL = `${base}/v1`;
const openai = createOpenAI({ baseURL, apiKey: "unused" });
const compatible = createOpenAICompatible({
  name: "steelyard",
  baseURL,
  apiKey: "unused",
  includeUsage: true,
  supportsStructuredOutputs: true,
});
const anthropic = createAnthropic({ baseURL, apiKey: "unused" });
const DOORS = {
  openai: openai.chat(model),
  responses: openai.responses(model),
  compatible: compatible(model),
  anthropic: anthropic(model),
};
const MORE = { maxRetries: 0, maxOutputTokens: 3000 };

const Journey = z.object({
  city: z.string(),
  stops: z.array(z.object({ name: z.string(), minutes: z.number().int() })),
});

const tools = () => ({
  get_weather: tool({
    description: "The weather of a city",
    inputSchema: z.object({ city: z.string() }),
    execute: async ({ city }) => `rain in ${city}`,
  }),
  get_time: tool({
    description: "The time of a zone",
    inputSchema: z.object({ zone: z.string() }),
    execute: async ({ zone }) => `noon in ${zone}`,
  }),
});

// What a stream comes to; the error that ended it, if one did.
async function streamed(more) {
  const failures = [];
  const stream = streamText({ ...more, onError: ({ error }) => failures.push(error) });
  for await (const _ of stream.fullStream);
  if (failures.length > 0) throw failures[0];
  const output = more.output ? await stream.output : undefined;
  return { text: await stream.text, steps: await stream.steps, output };
}

const checks = {};
for (const [door, languageModel] of Object.entries(DOORS)) {
  const given = { ...MORE, model: languageModel };
  const side = { anthropic: "messages", responses: "responses" }[door] ?? "chat";

  checks[`text through ${door}`] = async () => {
    const answer = await generateText({ ...given, prompt: `[[say:${TEXT}]]`, system: "Be brief." });
    equal(answer.text, TEXT);
    equal(answer.finishReason, "stop");
    yes(answer.usage.inputTokens > 0 && answer.usage.outputTokens > 0);
  };

  checks[`stream through ${door}`] = async () => {
    const stream = streamText({ ...given, prompt: "[[events:30]]" });
    let text = "";
    for await (const piece of stream.textStream) text += piece;
    equal(text, Array.from({ length: 30 }, (_, index) => `word${index + 1} `).join(""));
    equal(await stream.finishReason, "stop");
    yes((await stream.usage).outputTokens > 0);
  };

  // Streamed, Anthropic's provider asks for the arguments as they are written.
  const eager = door === "anthropic" ? ["messages/eager_tools"] : [];
  for (const [name, needed] of [
    ["tools", []],
    ["streamed tools", eager],
  ]) {
    checks[`${name} through ${door}`] = needs(...needed, async () => {
      const more = { ...given, prompt: CALLS, tools: tools(), stopWhen: stepCountIs(3) };
      const answer = name === "tools" ? await generateText(more) : await streamed(more);
      for (const result of ["rain in Oslo", "noon in UTC"]) yes(answer.text.includes(result));
      equal(answer.steps.length, 2);
    });
  }

  // For models that it does not know by name, Anthropic's provider makes a tool of the schema.
  const schema = door === "anthropic" ? ["messages/forced_calls"] : [`${side}/structured`];
  const asked = { ...given, prompt: "Which journey? Answer as JSON." };
  checks[`object through ${door}`] = needs(...schema, async () => {
    const { object } = await generateObject({ ...asked, schema: Journey });
    yes(object.stops[0].minutes > 0);
  });

  checks[`streamed object through ${door}`] = needs(...schema, ...eager, async () => {
    const answer = await streamed({ ...asked, output: Output.object({ schema: Journey }) });
    yes(answer.output.stops[0].minutes > 0);
  });

  checks[`pictures through ${door}`] = needs(`${side}/images`, async () => {
    const content = [
      { type: "text", text: "[[look]]" },
      { type: "image", image: PICTURE, mediaType: "image/png" },
    ];
    const answer = await generateText({ ...given, messages: [{ role: "user", content }] });
    equal(answer.text, "I see image/png of 8 bytes.");
  });

  checks[`errors through ${door}`] = async () => {
    for (const [fault, status] of [
      ["429", 429],
      ["400", 400],
    ]) {
      const ask = () => generateText({ ...given, prompt: `[[fault:*:${fault}]]` });
      equal((await rejects(APICallError, ask)).statusCode, status);
    }
  };
}
await run(checks, refused);
