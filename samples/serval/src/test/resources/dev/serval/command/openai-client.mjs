// Drives a server with OpenAI's own client: node openai-client.mjs BASE_URL
// Prints a line of JSON for each check: {"name": ..., "error": null or what was wrong}.
import assert from "node:assert/strict";
import OpenAI from "openai";

const base = process.argv[2];
const client = new OpenAI({ baseURL: `${base}/v1`, apiKey: "none", maxRetries: 0 });
const model = (await client.models.list()).data[0].id;
const question = { role: "user", content: "What is a nerve?" };
const answer = "A nerve is any bundle of nerve fibers running to various organs and tissues of the body.";
const chat = (more) => client.chat.completions.create({ model, messages: [question], temperature: 0, ...more });
const complete = (more) => client.completions.create({ model, prompt: "A nerve is", temperature: 0, max_tokens: 8, ...more });

const collect = async (stream) => {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
};

const metric = async (name) => {
  const text = await (await fetch(`${base}/metrics`)).text();
  const line = text.split("\n").find((l) => l.startsWith(name));
  assert.ok(line, `/metrics has no ${name}`);
  return Number(line.slice(line.lastIndexOf(" ") + 1));
};

const until = async (condition, what) => {
  for (let i = 0; i < 100; i++) {
    if (await condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.fail(`${what} did not come true within 5 seconds`);
};

const checks = {
  "the served models are listed and found": async () => {
    const listed = (await client.models.list()).data;
    assert.deepEqual(listed.map((m) => m.id), [model, "minilm"]);
    assert.equal(listed[0].object, "model");
    assert.ok(listed[0].root);
    assert.equal((await client.models.retrieve(model)).id, model);
  },

  "a question is answered with its usage": async () => {
    const completion = await chat();
    assert.equal(completion.object, "chat.completion");
    assert.equal(completion.choices[0].message.role, "assistant");
    assert.equal(completion.choices[0].message.content, answer);
    assert.equal(completion.choices[0].finish_reason, "stop");
    const { prompt_tokens, completion_tokens, total_tokens } = completion.usage;
    assert.ok(prompt_tokens > 5 && completion_tokens > 5);
    assert.equal(total_tokens, prompt_tokens + completion_tokens);
  },

  "a predicted answer is the same, and says how much of it was predicted": async () => {
    const content = answer.replace("various", "many other");
    const completion = await chat({ prediction: { type: "content", content } });
    assert.equal(completion.choices[0].message.content, answer);
    const details = completion.usage.completion_tokens_details;
    assert.ok(details.accepted_prediction_tokens > 5, JSON.stringify(details));
    assert.ok(details.rejected_prediction_tokens >= 0);
    assert.equal((await chat()).usage.completion_tokens_details, undefined);
  },

  "a streamed answer is the same, piece by piece, and ends with its usage": async () => {
    const chunks = await collect(await chat({ stream: true, stream_options: { include_usage: true } }));
    const deltas = chunks.flatMap((c) => c.choices).map((c) => c.delta);
    assert.equal(deltas[0].role, "assistant");
    assert.equal(deltas.map((d) => d.content ?? "").join(""), answer);
    assert.ok(deltas.length > 5, "it came in one piece");
    assert.equal(chunks.flatMap((c) => c.choices).at(-1).finish_reason, "stop");
    assert.deepEqual(chunks.at(-1).choices, []);
    assert.ok(chunks.at(-1).usage.completion_tokens > 5);
    assert.ok(chunks.slice(0, -1).every((c) => !c.usage));
    assert.equal(new Set(chunks.map((c) => c.id)).size, 1);
  },

  "a stream without include_usage has none": async () => {
    const chunks = await collect(await chat({ stream: true }));
    assert.ok(chunks.every((c) => c.choices.length === 1 && !c.usage));
  },

  "the client's stream helper gathers the whole message": async () => {
    const stream = client.chat.completions.stream({ model, messages: [question], temperature: 0 });
    assert.equal((await stream.finalChatCompletion()).choices[0].message.content, answer);
  },

  "a text is continued, whole and streamed alike": async () => {
    const whole = await complete();
    assert.equal(whole.object, "text_completion");
    assert.equal(whole.usage.completion_tokens, 8);
    assert.equal(whole.choices[0].finish_reason, "length");
    const chunks = await collect(await complete({ stream: true }));
    assert.equal(chunks.flatMap((c) => c.choices).map((c) => c.text).join(""), whole.choices[0].text);
  },

  "several choices with a seed are repeatable": async () => {
    const drawn = async () => (await chat({ n: 3, seed: 7, temperature: 1.5, max_tokens: 12 })).choices.map((c) => c.message.content);
    const once = await drawn();
    assert.equal(once.length, 3);
    assert.ok(new Set(once).size > 1, "all choices are the same");
    assert.deepEqual(await drawn(), once);
  },

  "log-probabilities come with their alternatives": async () => {
    const { logprobs } = (await chat({ logprobs: true, top_logprobs: 2, max_tokens: 4 })).choices[0];
    assert.equal(logprobs.content.length, 4);
    for (const token of logprobs.content) {
      assert.ok(token.logprob <= 0);
      assert.equal(token.top_logprobs.length, 2);
      assert.equal(token.top_logprobs[0].token, token.token);
    }
  },

  "a stop string ends the answer before it": async () => {
    const { message, finish_reason } = (await chat({ stop: [" fibers"] })).choices[0];
    assert.equal(message.content, "A nerve is any bundle of nerve");
    assert.equal(finish_reason, "stop");
  },

  "a model that is not served is NotFoundError": async () => {
    await assert.rejects(chat({ model: "gpt-none" }), (e) => {
      assert.ok(e instanceof OpenAI.NotFoundError, e.constructor.name);
      assert.match(e.message, /gpt-none/);
      return true;
    });
  },

  "a value out of range is BadRequestError and names the parameter": async () => {
    for (const more of [{ temperature: -1 }, { temperature: "hot" }, { top_p: 0 }, { n: 0 }, { messages: [] }]) {
      const [param] = Object.keys(more);
      await assert.rejects(chat(more), (e) => {
        assert.ok(e instanceof OpenAI.BadRequestError, `${param}: ${e.constructor.name} ${e.message}`);
        assert.equal(e.param, param);
        return true;
      });
    }
  },

  "a prompt longer than the context is BadRequestError": async () => {
    await assert.rejects(chat({ messages: [{ role: "user", content: "nerve ".repeat(5000) }] }), OpenAI.BadRequestError);
  },

  "an aborted stream is cancelled on the server": async () => {
    const stream = await complete({ stream: true, max_tokens: 1000, ignore_eos: true });
    let seen = 0;
    for await (const _ of stream) if (++seen === 3) break;
    stream.controller.abort();
    await until(async () => (await metric("serval_engine_running")) === 0, "no request running");
  },

  "texts are embedded, in Base64 as the client asks by default and as numbers": async () => {
    const input = ["How do I reset my password?", "I forgot my login", "The sun shines over Rome"];
    const answer = await client.embeddings.create({ model: "minilm", input });
    const numbers = await client.embeddings.create({ model: "minilm", input, encoding_format: "float" });
    const [first, second, third] = answer.data.map((d) => Array.from(d.embedding));
    const cosine = (a, b) => a.reduce((sum, x, i) => sum + x * b[i], 0);
    assert.equal(first.length, 384);
    assert.ok(Math.abs(cosine(first, first) - 1) < 1e-5);
    assert.ok(cosine(first, second) > 0.5 && cosine(first, third) < 0.2);
    assert.ok(numbers.data[1].embedding.every((x, i) => Math.abs(x - second[i]) < 1e-6));
    assert.ok(answer.usage.prompt_tokens > 15 && answer.usage.total_tokens === answer.usage.prompt_tokens);
  },

  "texts that cannot be embedded are BadRequestError and name the parameter": async () => {
    for (const more of [{ input: "word ".repeat(500) }, { input: [1, 2] }, { dimensions: 256 }]) {
      const [param] = Object.keys(more);
      await assert.rejects(client.embeddings.create({ model: "minilm", input: "a", ...more }), (e) => {
        assert.ok(e instanceof OpenAI.BadRequestError, `${param}: ${e.constructor.name} ${e.message}`);
        assert.equal(e.param, param);
        return true;
      });
    }
  },

  "sixteen clients at once get the answer that one gets": async () => {
    const answers = await Promise.all(Array.from({ length: 16 }, () => chat()));
    assert.deepEqual(new Set(answers.map((a) => a.choices[0].message.content)), new Set([answer]));
  },
};

for (const [name, check] of Object.entries(checks)) {
  const error = await check().then(() => null, (e) => String(e?.stack ?? e));
  console.log(JSON.stringify({ name, error }));
}
