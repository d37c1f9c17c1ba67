package dev.serval.gpu.check;

import dev.serval.api.LoadListener;
import dev.serval.api.Sampling;
import dev.serval.api.compute.DType;
import dev.serval.api.device.Device;
import dev.serval.api.device.DeviceKind;
import dev.serval.api.model.ModelSpec;
import dev.serval.api.model.StepLimits;
import dev.serval.api.storage.Checkpoint;
import dev.serval.gpu.compute.CudaBackendProvider;
import dev.serval.gpu.compute.GpuModel;
import dev.serval.gpu.device.CudaDeviceProvider;
import dev.serval.storage.SafetensorsReader;
import dev.serval.testkit.models.SteppedModel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * Runs a checkpoint on the GPU beside what transformers made of the same weights: {@code Decoding
 * NAME FOLDER ANSWERS [wgmma|mma]}. Says how far the scores are off, and how fast it decodes and
 * reads prompts, in lines {@code | what | value | goal |}.
 */
public final class Decoding {
  private static final int CONTEXT = 512;
  private static final int WARM = 120;
  private static final int WARM_UP = 600;
  private static final int STEPS = 40;
  private static final int PROMPT = 8192;
  private static final int BLOCK = 16;
  private static final int MOST = 64;

  private final Table table;
  private final GpuModel model;
  private final ModelSpec spec;
  private final JsonNode answers;
  private final Random random = new Random(5);

  private Decoding(Table table, GpuModel model, JsonNode answers) {
    this.table = table;
    this.model = model;
    this.answers = answers;
    spec = model.executor().spec();
  }

  /**
   * Runs it.
   *
   * @param args as above
   * @throws Exception when anything goes wrong
   */
  public static void main(String[] args) throws Exception {
    JsonNode answers = JsonMapper.shared().readTree(Files.newInputStream(Path.of(args[2])));
    CudaBackendProvider provider = new CudaBackendProvider();
    if (args.length > 3) {
      provider = args[3].equals("cublas") ? provider.withCublas() : provider.portable();
    }
    Device device = firstGpu();
    int blocks = MOST * (CONTEXT + WARM + 2 * STEPS + BLOCK) / BLOCK + PROMPT / BLOCK + 200;
    try (Checkpoint checkpoint =
        new SafetensorsReader().open(Path.of(args[1]), LoadListener.NONE)) {
      Load load =
          Load.of(
              checkpoint,
              provider,
              device,
              new SteppedModel.Setup(DType.BF16, BLOCK, blocks, new StepLimits(PROMPT, MOST)));
      try (GpuModel model = load.model()) {
        Decoding run = new Decoding(new Table(args[0]), model, answers);
        load.tell(run.table);
        run.compare();
        if (answers.has("tokens_per_second")) {
          run.speed();
        }
      }
    }
  }

  /** This machine's. */
  static Device firstGpu() {
    return new CudaDeviceProvider()
        .discover().devices().stream()
            .filter(device -> device.kind() == DeviceKind.GPU)
            .findFirst()
            .orElseThrow(
                () -> new IllegalStateException(new CudaDeviceProvider().discover().finding()));
  }

  private void line(String what, String value, String goal) {
    table.line(what, goal, "%s", value);
  }

  /** Each step after transformers' own tokens. */
  private void compare() {
    double squares = 0;
    int count = 0;
    int agreed = 0;
    int steps = 0;
    int decisive = 0;
    for (JsonNode answer : answers.get("answers")) {
      SteppedModel.Sequence sequence = model.sequence(ints(answer.get("prompt")));
      int[] tokens = ints(answer.get("tokens"));
      for (int i = 0; i < tokens.length; i++) {
        float[] logits = model.advance(sequence);
        int best = SteppedModel.argmax(logits);
        JsonNode top = answer.get("top").get(i);
        double sum = logSum(logits);
        for (JsonNode pair : top) {
          double off = logits[pair.get(0).asInt()] - sum - pair.get(1).asDouble();
          squares += off * off;
          count++;
        }
        boolean clear = top.get(0).get(1).asDouble() - top.get(1).get(1).asDouble() > 0.1;
        steps++;
        agreed += best == tokens[i] ? 1 : 0;
        decisive += clear && best != tokens[i] ? 1 : 0;
        sequence.append(tokens[i]);
      }
      model.end(sequence);
    }
    line(
        "beside transformers",
        "%d of %d greedy tokens alike, %d of those that lead by 0.1 are not; log-probabilities off by %.4f (rms)"
            .formatted(agreed, steps, decisive, Math.sqrt(squares / count)),
        "0 that lead clearly");
  }

  private static double logSum(float[] logits) {
    double most = logits[SteppedModel.argmax(logits)];
    double sum = 0;
    for (float logit : logits) {
      sum += Math.exp(logit - most);
    }
    return most + Math.log(sum);
  }

  static int[] ints(JsonNode list) {
    return IntStream.range(0, list.size()).map(i -> list.get(i).asInt()).toArray();
  }

  private void speed() {
    JsonNode ceilings = answers.get("ceilings");
    double copy = ceilings.get("copy").asDouble();
    double product = ceilings.get("product").asDouble();
    line(
        "ceilings",
        "copy %.2f TB/s, BF16 product %.0f TFLOP/s".formatted(copy / 1e12, product / 1e12),
        "");
    warmUp();
    for (int batch : new int[] {1, 16, 64}) {
      decode(batch, copy);
    }
    prefill(product);
  }

  /** Until the processor's part of a step is compiled. */
  private void warmUp() {
    SteppedModel.Sequence sequence = drawn(new int[] {1});
    for (int i = 0; i < WARM_UP; i++) {
      model.draw(List.of(sequence), 1);
    }
    model.end(sequence);
  }

  private void decode(int batch, double bandwidth) {
    List<SteppedModel.Sequence> sequences = new ArrayList<>();
    for (int i = 0; i < batch; i++) {
      sequences.add(drawn(random.ints(CONTEXT, 0, spec.vocabulary()).toArray()));
    }
    for (SteppedModel.Sequence sequence : sequences) {
      model.draw(List.of(sequence), CONTEXT);
    }
    for (int i = 0; i < WARM; i++) {
      model.draw(sequences, 1);
    }
    long[] nanos = new long[STEPS];
    long[] launch = new long[STEPS];
    for (int i = 0; i < STEPS; i++) {
      long begin = System.nanoTime();
      model.draw(sequences, 1);
      nanos[i] = System.nanoTime() - begin;
      launch[i] = model.handedOver() - begin;
    }
    sequences.forEach(model::end);
    Arrays.sort(nanos);
    Arrays.sort(launch);
    double seconds = nanos[STEPS / 2] / 1e9;
    double weights = spec.weights().count() - embeddingBytes();
    double token = spec.kvLayout(1, DType.BF16).tokenBytes();
    double kv = token * (CONTEXT + WARM + STEPS / 2) * batch;
    double bound = (weights + kv) / bandwidth;
    JsonNode theirs = answers.get("tokens_per_second").get(String.valueOf(batch));
    line(
        "decode of " + batch,
        "%.3f ms a step (p99 %.3f), %.0f tokens/s, %.1f %% of the bandwidth bound, %.1f x transformers, CPU %.0f µs to launch"
            .formatted(
                seconds * 1e3,
                nanos[STEPS * 99 / 100] / 1e6,
                batch / seconds,
                100 * bound / seconds,
                theirs == null ? Double.NaN : batch / seconds / theirs.asDouble(),
                launch[STEPS / 2] / 1e3),
        ">= 85 %, >= 3 x, < 150 µs");
  }

  /** Only a row of the embedding table is read for a token, unless it is the head too. */
  private double embeddingBytes() {
    double all = spec.parameters() * 2.0;
    return all < 4e9 ? 0 : 2.0 * spec.vocabulary() * hidden();
  }

  private double hidden() {
    return spec.layers() == 32 ? 4096 : spec.layers() == 16 ? 2048 : 256;
  }

  private void prefill(double product) {
    double best = Double.POSITIVE_INFINITY;
    for (int round = 0; round < 3; round++) {
      SteppedModel.Sequence sequence = drawn(random.ints(PROMPT, 0, spec.vocabulary()).toArray());
      long begin = System.nanoTime();
      model.draw(List.of(sequence), PROMPT);
      best = Math.min(best, (System.nanoTime() - begin) / 1e9);
      model.end(sequence);
    }
    double matrices =
        spec.parameters() - 2.0 * spec.vocabulary() * hidden() * (embeddingBytes() > 0 ? 1 : 0.5);
    double attention = 2.0 * PROMPT * PROMPT * hidden();
    double flops = 2 * matrices * PROMPT + attention * spec.layers();
    double left = 2 * (matrices / spec.layers() - qkv()) * PROMPT + attention;
    line(
        "prefill of " + PROMPT,
        "%.1f ms, %.0f tokens/s, %.0f TFLOP/s, %.1f %% of the product rate; without what the last layer leaves out %.1f %%"
            .formatted(
                best * 1e3,
                PROMPT / best,
                flops / best / 1e12,
                100 * flops / best / product,
                100 * (flops - left) / best / product),
        ">= 50 %");
  }

  /** The elements of a layer's queries, keys and values. */
  private double qkv() {
    return (hidden() + spec.kvLayers().getFirst().elements()) * hidden();
  }

  private SteppedModel.Sequence drawn(int[] prompt) {
    return model.sequence(prompt).drawnBy(model.executor().sampler(Sampling.GREEDY, 1, prompt, -1));
  }
}
