package dev.serval.models.family;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.offset;

import dev.serval.api.LoadListener;
import dev.serval.api.compute.DType;
import dev.serval.api.compute.KernelKind;
import dev.serval.api.storage.ArtefactDigest;
import dev.serval.api.storage.Checkpoint;
import dev.serval.api.storage.StoredTensor;
import dev.serval.storage.SafetensorsReader;
import dev.serval.testkit.models.Experts;
import dev.serval.testkit.models.RawTensors;
import dev.serval.testkit.models.SmallModel;
import dev.serval.testkit.models.SmallModel.Extras;
import dev.serval.testkit.models.SmallModel.Sizes;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.SortedSet;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Models whose folders store weights in ways of their own, from the files to the logits. */
final class PackedFoldersTest {
  private static final Sizes SIZES = new Sizes(91, 64, 96, 2, 4, 2, 16);
  private static final int EXPERTS = 4;
  private static final int INNER = 96;
  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  /** Half of the numbers of four bits that MXFP4 has; the others are as much below 0. */
  private static final float[] MXFP4 = {0, 0.5f, 1, 1.5f, 2, 3, 4, 6};

  private final Random random = new Random(77);

  @TempDir Path folder;

  private static SmallModel gptOss() {
    Extras extras = Extras.NONE.biases(true, true, false).withSinks();
    return SmallModel.of("GptOssForCausalLM", 20, DType.BF16, SIZES, extras)
        .withExperts(new Experts(EXPERTS, 2, INNER, true, true, "mlp.router"))
        .with("model_type", "gpt_oss")
        .with("num_local_experts", (long) EXPERTS)
        .with("num_experts_per_tok", 2L)
        .with("experts_per_token", 2L)
        .with("initial_context_length", 64L)
        .with("attention_bias", true)
        .with("router_aux_loss_coef", 0.9)
        .with("output_router_logits", false)
        .with("swiglu_limit", 7.0)
        .with("layer_types", List.of("sliding_attention", "full_attention"))
        .with("sliding_window", 6L)
        .with(
            "rope_scaling",
            Map.of(
                "rope_type",
                "yarn",
                "factor",
                8.0,
                "beta_fast",
                32.0,
                "beta_slow",
                1.0,
                "original_max_position_embeddings",
                64L,
                "truncate",
                false));
  }

  private static RawTensors tensors(SmallModel model) {
    RawTensors tensors = new RawTensors();
    model.tensorNames().forEach(name -> tensors.with(model.tensor(name)));
    return tensors;
  }

  /** By kernels that round nothing, whatever the type. */
  private static float[] logits(Checkpoint checkpoint) {
    try (ModelRun run = new ModelRun(checkpoint, 2, KernelKind.PLAIN)) {
      return run.logits(new int[] {3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5}, 4);
    }
  }

  private float[] saved(RawTensors tensors, Map<String, Object> config) throws IOException {
    tensors.save(folder, config);
    try (Checkpoint checkpoint = new SafetensorsReader(1).open(folder, LoadListener.NONE)) {
      return logits(checkpoint);
    }
  }

  private static String expert(int layer, int expert, String map) {
    return "model.layers.%d.mlp.experts.%d.%s".formatted(layer, expert, map);
  }

  private static String stack(int layer, String map) {
    return "model.layers.%d.mlp.experts.%s".formatted(layer, map);
  }

  /** A map's row is one of a gate and one of an up in turns, or one of a down. */
  private static String map(boolean gates, long row) {
    return gates ? row % 2 == 0 ? "gate_proj" : "up_proj" : "down_proj";
  }

  /** Stores biases and, as columns one after the other, weights of all experts together. */
  private static void stackExperts(SmallModel model, RawTensors tensors, boolean weights) {
    for (int layer = 0; layer < SIZES.layers(); layer++) {
      for (boolean gates : new boolean[] {true, false}) {
        String name = stack(layer, gates ? "gate_up_proj" : "down_proj");
        long rows = gates ? 2 * INNER : SIZES.hidden();
        long columns = gates ? SIZES.hidden() : INNER;
        MemorySegment all = room(2 * EXPERTS * rows * columns);
        MemorySegment biases = room(2 * EXPERTS * rows);
        for (int expert = 0; expert < EXPERTS; expert++) {
          for (long row = 0; row < rows; row++) {
            String own = expert(layer, expert, map(gates, row));
            long at = gates ? row / 2 : row;
            MemorySegment bias = model.tensor(own + ".bias").data();
            biases.set(SHORT, 2 * (expert * rows + row), bias.get(SHORT, 2 * at));
            MemorySegment weight = model.tensor(own + ".weight").data();
            for (long column = 0; column < columns; column++) {
              all.set(
                  SHORT,
                  2 * ((expert * columns + column) * rows + row),
                  weight.get(SHORT, 2 * (at * columns + column)));
            }
          }
        }
        tensors.with(name + "_bias", "BF16", List.of((long) EXPERTS, rows), biases);
        if (weights) {
          tensors.with(name, "BF16", List.of((long) EXPERTS, columns, rows), all);
        }
      }
      withoutExperts(tensors, layer);
    }
  }

  private static void withoutExperts(RawTensors tensors, int layer) {
    for (int expert = 0; expert < EXPERTS; expert++) {
      for (String map : List.of("gate_proj", "up_proj", "down_proj")) {
        tensors.without(expert(layer, expert, map) + ".weight");
        tensors.without(expert(layer, expert, map) + ".bias");
      }
    }
  }

  private static MemorySegment room(long bytes) {
    return MemorySegment.ofArray(new byte[Math.toIntExact(bytes)]);
  }

  @Test
  void gpt_oss_s_experts_may_lie_in_one_tensor_for_each_kind_of_map() throws IOException {
    SmallModel model = gptOss();
    RawTensors tensors = tensors(model);
    stackExperts(model, tensors, true);
    assertThat(saved(tensors, model.config())).isEqualTo(logits(model));
  }

  @Test
  void gpt_oss_as_it_is_published_computes_what_its_blocks_say() throws IOException {
    SmallModel model = gptOss();
    RawTensors tensors = tensors(model);
    stackExperts(model, tensors, false);
    Map<String, float[]> weights = new HashMap<>();
    for (int layer = 0; layer < SIZES.layers(); layer++) {
      blocks(tensors, weights, layer, true);
      blocks(tensors, weights, layer, false);
    }
    SmallModel described =
        model.with(
            "quantization_config",
            Map.of("quant_method", "mxfp4", "modules_to_not_convert", List.of("lm_head")));
    float[] found = saved(tensors, described.config());
    assertThat(found)
        .containsExactly(
            logits(new Replaced(model.without("quantization_config"), weights)), offset(2e-5f));
  }

  private void blocks(RawTensors tensors, Map<String, float[]> weights, int layer, boolean gates) {
    String name = stack(layer, gates ? "gate_up_proj" : "down_proj");
    int rows = gates ? 2 * INNER : SIZES.hidden();
    int columns = gates ? SIZES.hidden() : INNER;
    byte[] numbers = new byte[EXPERTS * rows * columns / 2];
    random.nextBytes(numbers);
    byte[] scales = new byte[EXPERTS * rows * columns / 32];
    for (int i = 0; i < scales.length; i++) {
      scales[i] = (byte) random.nextInt(122, 126);
    }
    List<Long> shape = List.of((long) EXPERTS, (long) rows, columns / 32L);
    tensors.with(name + "_scales", "U8", shape, MemorySegment.ofArray(scales));
    tensors.with(
        name + "_blocks",
        "U8",
        List.of((long) EXPERTS, (long) rows, columns / 32L, 16L),
        MemorySegment.ofArray(numbers));
    for (int element = 0; element < 2 * numbers.length; element++) {
      int row = element / columns % rows;
      int code = (numbers[element / 2] >> (element % 2 * 4)) & 15;
      float size = MXFP4[code & 7] * (float) Math.pow(2, scales[element / 32] - 127);
      weights
              .computeIfAbsent(
                  expert(layer, element / columns / rows, map(gates, row)) + ".weight",
                  _ -> new float[SIZES.hidden() * INNER])[
              (gates ? row / 2 : row) * columns + element % columns] =
          code < 8 ? size : -size;
    }
  }

  private static SmallModel qwen2() {
    Extras extras = Extras.NONE.biases(true, false, false);
    return SmallModel.of("Qwen2ForCausalLM", 21, DType.BF16, SIZES, extras);
  }

  private static List<String> maps(SmallModel model) {
    return model.tensorNames().stream().filter(name -> name.contains("_proj.weight")).toList();
  }

  @Test
  void a_model_in_gptq_computes_what_its_numbers_say() throws IOException {
    SmallModel model = qwen2();
    RawTensors tensors = tensors(model);
    Map<String, float[]> weights = new HashMap<>();
    for (String name : maps(model)) {
      int rows = Math.toIntExact(model.tensor(name).shape().getFirst());
      int columns = Math.toIntExact(model.tensor(name).shape().getLast());
      MemorySegment words = room(rows * columns / 2);
      MemorySegment scales = room(2L * rows * columns / 32);
      float[] numbers = new float[rows * columns];
      for (int i = 0; i < rows * columns; i++) {
        int row = i / columns;
        int column = i % columns;
        long scaleAt = 2L * (column / 32 * rows + row);
        if (column % 32 == 0) {
          scales.set(SHORT, scaleAt, Float.floatToFloat16(random.nextFloat(0.02f, 0.05f)));
        }
        int code = random.nextInt(16);
        long word = 4L * (column / 8 * rows + row);
        words.set(INT, word, words.get(INT, word) | (code << (column % 8 * 4)));
        numbers[i] = (code - 8) * Float.float16ToFloat(scales.get(SHORT, scaleAt));
      }
      weights.put(name, numbers);
      String base = name.replace(".weight", "");
      MemorySegment zeros = room((long) rows * columns / 64).fill((byte) 0x77);
      tensors
          .without(name)
          .with(base + ".qweight", "I32", List.of(columns / 8L, (long) rows), words)
          .with(base + ".qzeros", "I32", List.of(columns / 32L, rows / 8L), zeros)
          .with(base + ".scales", "F16", List.of(columns / 32L, (long) rows), scales);
    }
    Map<String, Object> described = new TreeMap<>(model.config());
    described.put(
        "quantization_config",
        Map.of(
            "quant_method", "gptq", "bits", 4, "group_size", 32, "sym", true, "desc_act", false));
    assertThat(saved(tensors, described))
        .containsExactly(logits(new Replaced(model, weights)), offset(2e-5f));
  }

  @Test
  void a_model_in_floats_of_8_bits_computes_what_its_numbers_say() throws IOException {
    SmallModel model = qwen2();
    RawTensors tensors = tensors(model);
    Map<String, float[]> weights = new HashMap<>();
    for (String name : maps(model)) {
      StoredTensor stored = model.tensor(name);
      int elements = Math.toIntExact(stored.elements());
      int columns = Math.toIntExact(stored.shape().getLast());
      byte[] codes = new byte[elements];
      float[] numbers = new float[elements];
      int across = Math.ceilDiv(columns, 48);
      int down = Math.ceilDiv(elements / columns, 24);
      MemorySegment scales = room(4L * across * down);
      for (int i = 0; i < across * down; i++) {
        scales.set(FLOAT, 4L * i, (1 + i % 3) / 32f);
      }
      for (int i = 0; i < elements; i++) {
        int exponent = random.nextInt(5, 8);
        int fraction = random.nextInt(8);
        codes[i] = (byte) (random.nextInt(2) << 7 | exponent << 3 | fraction);
        float size = (float) ((1 + fraction / 8.0) * Math.pow(2, exponent - 7));
        float scale = scales.get(FLOAT, 4L * (i / columns / 24 * across + i % columns / 48));
        numbers[i] = (codes[i] < 0 ? -size : size) * scale;
      }
      weights.put(name, numbers);
      tensors
          .with(name, "F8_E4M3", stored.shape(), MemorySegment.ofArray(codes))
          .with(name + "_scale_inv", "F32", List.of((long) down, (long) across), scales);
    }
    Map<String, Object> described = new TreeMap<>(model.config());
    described.put(
        "quantization_config",
        Map.of(
            "quant_method", "fp8",
            "activation_scheme", "dynamic",
            "fmt", "e4m3",
            "weight_block_size", List.of(24, 48)));
    assertThat(saved(tensors, described))
        .containsExactly(logits(new Replaced(model, weights)), offset(2e-5f));
  }

  /**
   * A model some of whose weights are others, in F32.
   *
   * @param model the model
   * @param weights those by name
   */
  private record Replaced(SmallModel model, Map<String, float[]> weights) implements Checkpoint {
    @Override
    public String root() {
      return model.root();
    }

    @Override
    public String format() {
      return model.format();
    }

    @Override
    public ArtefactDigest digest() {
      return model.digest();
    }

    @Override
    public Map<String, Object> config() {
      return model.config();
    }

    @Override
    public SortedSet<String> tensorNames() {
      return model.tensorNames();
    }

    @Override
    public StoredTensor tensor(String name) {
      float[] numbers = weights.get(name);
      StoredTensor tensor = model.tensor(name);
      if (numbers == null) {
        return tensor;
      }
      MemorySegment data = room(4L * numbers.length);
      for (int i = 0; i < numbers.length; i++) {
        data.set(FLOAT, 4L * i, numbers[i]);
      }
      return new StoredTensor(name, DType.F32, tensor.shape(), data);
    }

    @Override
    public Optional<String> text(String name) {
      return Optional.empty();
    }

    @Override
    public void close() {}
  }
}
