package dev.serval.gpu.compute;

import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;

import dev.serval.api.compute.DType;
import dev.serval.api.storage.ArtefactDigest;
import dev.serval.api.storage.Checkpoint;
import dev.serval.api.storage.StoredTensor;
import java.lang.foreign.MemorySegment;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.SortedSet;
import java.util.TreeMap;

/** A small Llama with random weights in BF16 or in blocks, all of which tensor cores multiply. */
final class RandomLlama implements Checkpoint {
  static final int VOCABULARY = 96;
  private static final int LAYERS = 2;
  private static final int HEADS = 4;
  private static final int KV_HEADS = 2;

  private final TreeMap<String, StoredTensor> tensors = new TreeMap<>();
  private final Random random = new Random(3);
  private final DType dtype;
  private final int hidden;
  private final int intermediate;
  private final int headDim;

  RandomLlama() {
    this(DType.BF16, 128, 640);
  }

  /** With matrices of a block-wise type. */
  RandomLlama(DType dtype) {
    this(dtype, 256, 768);
  }

  private RandomLlama(DType dtype, int hidden, int intermediate) {
    this.dtype = dtype;
    this.hidden = hidden;
    this.intermediate = intermediate;
    headDim = hidden / HEADS;
    matrix("model.embed_tokens.weight", VOCABULARY, hidden);
    vector("model.norm.weight");
    matrix("lm_head.weight", VOCABULARY, hidden);
    for (int layer = 0; layer < LAYERS; layer++) {
      String prefix = "model.layers." + layer + ".";
      vector(prefix + "input_layernorm.weight");
      vector(prefix + "post_attention_layernorm.weight");
      matrix(prefix + "self_attn.q_proj.weight", HEADS * headDim, hidden);
      matrix(prefix + "self_attn.k_proj.weight", KV_HEADS * headDim, hidden);
      matrix(prefix + "self_attn.v_proj.weight", KV_HEADS * headDim, hidden);
      matrix(prefix + "self_attn.o_proj.weight", hidden, HEADS * headDim);
      matrix(prefix + "mlp.gate_proj.weight", intermediate, hidden);
      matrix(prefix + "mlp.up_proj.weight", intermediate, hidden);
      matrix(prefix + "mlp.down_proj.weight", hidden, intermediate);
    }
  }

  private void matrix(String name, int rows, int columns) {
    if (dtype.blockElements() > 1) {
      float size = (float) (1 / Math.sqrt(columns));
      tensors.put(name, RandomBlocks.matrix(name, dtype, rows, columns, size, random));
      return;
    }
    float[] elements = new float[rows * columns];
    for (int i = 0; i < elements.length; i++) {
      elements[i] = (float) (2 * random.nextGaussian() / Math.sqrt(columns));
    }
    store(name, List.of((long) rows, (long) columns), elements);
  }

  private void vector(String name) {
    float[] elements = new float[hidden];
    java.util.Arrays.fill(elements, 1);
    store(name, List.of((long) hidden), elements);
  }

  private void store(String name, List<Long> shape, float[] elements) {
    MemorySegment data = MemorySegment.ofArray(new byte[2 * elements.length]);
    for (int i = 0; i < elements.length; i++) {
      data.set(JAVA_SHORT_UNALIGNED, 2L * i, (short) (Float.floatToRawIntBits(elements[i]) >>> 16));
    }
    tensors.put(name, new StoredTensor(name, DType.BF16, shape, data));
  }

  @Override
  public String root() {
    return "random llama";
  }

  @Override
  public String format() {
    return "memory";
  }

  @Override
  public ArtefactDigest digest() {
    throw new UnsupportedOperationException("nobody keeps its KV");
  }

  @Override
  public Map<String, Object> config() {
    Map<String, Object> config = new HashMap<>();
    config.put("architectures", List.of("LlamaForCausalLM"));
    config.put("model_type", "llama");
    config.put("hidden_act", "silu");
    config.put("rms_norm_eps", 1e-5);
    config.put("max_position_embeddings", 4096L);
    config.put("vocab_size", (long) VOCABULARY);
    config.put("hidden_size", (long) hidden);
    config.put("intermediate_size", (long) intermediate);
    config.put("num_hidden_layers", (long) LAYERS);
    config.put("num_attention_heads", (long) HEADS);
    config.put("num_key_value_heads", (long) KV_HEADS);
    config.put("head_dim", (long) headDim);
    return config;
  }

  @Override
  public SortedSet<String> tensorNames() {
    return tensors.navigableKeySet();
  }

  @Override
  public StoredTensor tensor(String name) {
    return tensors.get(name);
  }

  @Override
  public Optional<String> text(String name) {
    return Optional.empty();
  }

  @Override
  public void close() {}
}
