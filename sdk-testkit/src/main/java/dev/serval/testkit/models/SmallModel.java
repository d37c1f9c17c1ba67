package dev.serval.testkit.models;

import dev.serval.api.compute.DType;
import dev.serval.api.storage.ArtefactDigest;
import dev.serval.api.storage.Checkpoint;
import dev.serval.api.storage.CheckpointException;
import dev.serval.api.storage.StoredTensor;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Random;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.function.IntUnaryOperator;

/** A checkpoint in memory with random weights, for trying out what families differ in. */
public final class SmallModel implements Checkpoint {
  private final Map<String, Object> config = new TreeMap<>();
  private final TreeMap<String, StoredTensor> tensors = new TreeMap<>();
  private final Map<String, float[]> values = new HashMap<>();
  private final Random random;
  private final DType dtype;
  private Optional<Experts> experts = Optional.empty();

  private SmallModel(String architecture, long seed, DType dtype) {
    random = new Random(seed);
    this.dtype = dtype;
    with("architectures", List.of(architecture));
    with("hidden_act", "silu");
    with("rms_norm_eps", 1e-5);
    with("max_position_embeddings", 512L);
  }

  /**
   * A model of the given sizes.
   *
   * @param architecture what its configuration names
   * @param seed of its weights
   * @param dtype how they are stored, a plain type
   * @param sizes how large it is
   * @param extras what its layers have beside the least
   * @return the model
   */
  public static SmallModel of(
      String architecture, long seed, DType dtype, Sizes sizes, Extras extras) {
    SmallModel model = new SmallModel(architecture, seed, dtype);
    model.with("vocab_size", (long) sizes.vocabulary);
    model.with("hidden_size", (long) sizes.hidden);
    model.with("intermediate_size", (long) sizes.intermediate);
    model.with("num_hidden_layers", (long) sizes.layers);
    model.with("num_attention_heads", (long) sizes.heads);
    model.with("num_key_value_heads", (long) sizes.kvHeads);
    model.with("head_dim", (long) sizes.headDim);
    model.matrix("model.embed_tokens.weight", sizes.vocabulary, sizes.hidden);
    model.vector("model.norm.weight", sizes.hidden, 1);
    model.matrix("lm_head.weight", sizes.vocabulary, sizes.hidden);
    for (int layer = 0; layer < sizes.layers; layer++) {
      model.layer("model.layers." + layer + ".", sizes, extras);
    }
    return model;
  }

  /**
   * How large a model is.
   *
   * @param vocabulary tokens
   * @param hidden the width between layers
   * @param intermediate the width within a feed-forward layer
   * @param layers layers
   * @param heads query heads
   * @param kvHeads key heads
   * @param headDim dimensions of a head
   */
  public record Sizes(
      int vocabulary,
      int hidden,
      int intermediate,
      int layers,
      int heads,
      int kvHeads,
      int headDim) {}

  /**
   * Which tensors a layer has beside the least.
   *
   * @param qkv biases of queries, keys and values
   * @param output a bias of attention's output
   * @param mlp biases of the feed-forward layer
   * @param headNorms norms of queries and keys
   * @param sinks a sink of each query head
   * @param branchNorms norms of attention and the feed-forward layer
   */
  public record Extras(
      boolean qkv,
      boolean output,
      boolean mlp,
      HeadNorms headNorms,
      boolean sinks,
      BranchNorms branchNorms) {
    /** Nothing but norms at the start of attention and the feed-forward layer. */
    public static final Extras NONE =
        new Extras(false, false, false, HeadNorms.NONE, false, BranchNorms.START);

    /** What norms of queries and keys are over. */
    public enum HeadNorms {
      /** There are none. */
      NONE,
      /** Each head. */
      EACH,
      /** Each head once it is turned, under names of their own. */
      EACH_BEHIND,
      /** All heads of a row. */
      TOGETHER
    }

    /** Where attention and the feed-forward layer have norms. */
    public enum BranchNorms {
      /** At their start. */
      START,
      /** At their start, and of what they add. */
      BOTH,
      /** Of what they add alone. */
      END
    }

    /**
     * With biases.
     *
     * @param ofQkv those of queries, keys and values
     * @param ofOutput that of attention's output
     * @param ofMlp those of the feed-forward layer
     * @return these and the norms there were
     */
    public Extras biases(boolean ofQkv, boolean ofOutput, boolean ofMlp) {
      return new Extras(ofQkv, ofOutput, ofMlp, headNorms, sinks, branchNorms);
    }

    /**
     * With norms of queries and keys.
     *
     * @param norms what they are over
     * @return these and what else there was
     */
    public Extras with(HeadNorms norms) {
      return new Extras(qkv, output, mlp, norms, sinks, branchNorms);
    }

    /**
     * With sinks.
     *
     * @return these and what there was
     */
    public Extras withSinks() {
      return new Extras(qkv, output, mlp, headNorms, true, branchNorms);
    }

    /**
     * With norms of attention and the feed-forward layer.
     *
     * @param norms where
     * @return these and what else there was
     */
    public Extras with(BranchNorms norms) {
      return new Extras(qkv, output, mlp, headNorms, sinks, norms);
    }
  }

  /**
   * Has experts take the place of each layer's maps, but for those of dense layers.
   *
   * @param given how many, and what they are called
   * @return this model
   */
  public SmallModel withExperts(Experts given) {
    experts = Optional.of(given);
    for (int index = given.beside().denseLayers(); index < number("num_hidden_layers"); index++) {
      String layer = "model.layers." + index + ".";
      withoutTensor(layer + "mlp.gate_proj.weight");
      withoutTensor(layer + "mlp.up_proj.weight");
      withoutTensor(layer + "mlp.down_proj.weight");
      experts(layer, given);
    }
    return with("num_experts_per_tok", (long) given.used());
  }

  private void experts(String layer, Experts given) {
    int hidden = (int) number("hidden_size");
    Experts.Names names = given.names();
    Experts.Beside beside = given.beside();
    linear(layer + names.router(), given.count(), hidden, given.biased());
    for (int expert = 0; expert < given.count(); expert++) {
      if (names.gated()) {
        linear(given.name(layer, expert, names.gate()), given.inner(), hidden, given.biased());
      }
      linear(given.name(layer, expert, names.up()), given.inner(), hidden, given.biased());
      linear(given.name(layer, expert, names.down()), hidden, given.inner(), given.biased());
    }
    beside.selectionBias().ifPresent(name -> vector(layer + name, given.count(), 0));
    if (beside.shared() > 0) {
      String maps = layer + beside.sharedMaps();
      if (names.gated()) {
        linear(maps + "gate_proj", beside.shared(), hidden, false);
      }
      linear(maps + "up_proj", beside.shared(), hidden, false);
      linear(maps + "down_proj", hidden, beside.shared(), false);
    }
    beside.sharedGate().ifPresent(name -> linear(layer + name, 1, hidden, false));
  }

  /**
   * Stores the experts of each layer together; what they hold is still known under their own names.
   *
   * @param gateUp what all their gates and ups are called within a layer, without {@code .weight}
   * @param down what all their downs are
   * @return this model
   */
  public SmallModel expertsTogether(String gateUp, String down) {
    Experts apart = experts.orElseThrow();
    for (int index = 0; index < number("num_hidden_layers"); index++) {
      String layer = "model.layers." + index + ".";
      List<String> gateUps = new ArrayList<>();
      List<String> downs = new ArrayList<>();
      for (int expert = 0; expert < apart.count(); expert++) {
        String both = apart.name(layer, expert, "gate_and_up.weight");
        fused(
            both,
            apart.name(layer, expert, apart.names().gate()) + ".weight",
            apart.name(layer, expert, apart.names().up()) + ".weight");
        gateUps.add(both);
        downs.add(apart.name(layer, expert, apart.names().down()) + ".weight");
      }
      stack(layer + gateUp + ".weight", gateUps);
      stack(layer + down + ".weight", downs);
    }
    return this;
  }

  private void stack(String name, List<String> matrices) {
    List<Long> matrix = tensor(matrices.getFirst()).shape();
    fused(name, matrices.toArray(String[]::new));
    List<Long> shape = List.of((long) matrices.size(), matrix.getFirst(), matrix.getLast());
    tensors.put(name, new StoredTensor(name, dtype, shape, tensor(name).data()));
  }

  /**
   * The experts of its layers.
   *
   * @return empty if it has none
   */
  public Optional<Experts> experts() {
    return experts;
  }

  private void layer(String prefix, Sizes sizes, Extras extras) {
    int queries = sizes.heads * sizes.headDim;
    int keys = sizes.kvHeads * sizes.headDim;
    if (extras.branchNorms != Extras.BranchNorms.END) {
      vector(prefix + "input_layernorm.weight", sizes.hidden, 1);
    }
    vector(prefix + "post_attention_layernorm.weight", sizes.hidden, 1);
    linear(prefix + "self_attn.q_proj", queries, sizes.hidden, extras.qkv);
    linear(prefix + "self_attn.k_proj", keys, sizes.hidden, extras.qkv);
    linear(prefix + "self_attn.v_proj", keys, sizes.hidden, extras.qkv);
    linear(prefix + "self_attn.o_proj", sizes.hidden, queries, extras.output);
    linear(prefix + "mlp.gate_proj", sizes.intermediate, sizes.hidden, extras.mlp);
    linear(prefix + "mlp.up_proj", sizes.intermediate, sizes.hidden, extras.mlp);
    linear(prefix + "mlp.down_proj", sizes.hidden, sizes.intermediate, extras.mlp);
    switch (extras.branchNorms) {
      case START -> {}
      case BOTH -> {
        vector(prefix + "pre_feedforward_layernorm.weight", sizes.hidden, 0);
        vector(prefix + "post_feedforward_layernorm.weight", sizes.hidden, 0);
      }
      case END -> vector(prefix + "post_feedforward_layernorm.weight", sizes.hidden, 1);
    }
    switch (extras.headNorms) {
      case NONE -> {}
      case EACH -> headNorms(prefix, "q_norm", sizes.headDim, "k_norm", sizes.headDim);
      case EACH_BEHIND ->
          headNorms(prefix, "query_layernorm", sizes.headDim, "key_layernorm", sizes.headDim);
      case TOGETHER -> headNorms(prefix, "q_norm", queries, "k_norm", keys);
    }
    if (extras.sinks) {
      vector(prefix + "self_attn.sinks", sizes.heads, 0);
    }
  }

  private void headNorms(String layer, String query, int queries, String key, int keys) {
    vector(layer + "self_attn." + query + ".weight", queries, 1);
    vector(layer + "self_attn." + key + ".weight", keys, 1);
  }

  private void linear(String name, int rows, int columns, boolean bias) {
    matrix(name + ".weight", rows, columns);
    if (bias) {
      vector(name + ".bias", rows, 0);
    }
  }

  /**
   * Sets a field of the configuration.
   *
   * @param field its name
   * @param value what it says
   * @return this model
   */
  public SmallModel with(String field, Object value) {
    config.put(field, value);
    return this;
  }

  /**
   * Takes a field out of the configuration.
   *
   * @param field its name
   * @return this model
   */
  public SmallModel without(String field) {
    config.remove(field);
    return this;
  }

  /**
   * Has the embedding table be the head.
   *
   * @return this model
   */
  public SmallModel tied() {
    return with("tie_word_embeddings", true).withoutTensor("lm_head.weight");
  }

  /**
   * Stores some tensors as one, row after row; what they hold is still known under their own names.
   *
   * @param name what the one is called
   * @param parts what it is made of
   * @return this model
   */
  public SmallModel fused(String name, String... parts) {
    long rows = 0;
    long bytes = 0;
    for (String part : parts) {
      rows += tensor(part).shape().getFirst();
      bytes += tensor(part).byteSize();
    }
    MemorySegment data = MemorySegment.ofArray(new byte[(int) bytes]);
    List<Long> shape = new ArrayList<>(tensor(parts[0]).shape());
    shape.set(0, rows);
    long at = 0;
    for (String part : parts) {
      MemorySegment own = tensor(part).data();
      tensors.remove(part);
      MemorySegment.copy(own, 0, data, at, own.byteSize());
      at += own.byteSize();
    }
    tensors.put(name, new StoredTensor(name, dtype, shape, data));
    return this;
  }

  /**
   * Stores some tensors as one, so many rows of each in turns until there are none left; what they
   * hold is still known under their own names.
   *
   * @param name what the one is called
   * @param parts what it is made of, and how many rows of it are together
   * @return this model
   */
  public SmallModel inTurns(String name, Map<String, Integer> parts) {
    List<MemorySegment> runs = new ArrayList<>();
    String first = parts.keySet().iterator().next();
    long columns = tensor(first).elements() / tensor(first).shape().getFirst();
    long turns = tensor(first).shape().getFirst() / Objects.requireNonNull(parts.get(first));
    for (int turn = 0; turn < turns; turn++) {
      for (Map.Entry<String, Integer> part : parts.entrySet()) {
        long bytes = dtype.bytes(part.getValue() * columns);
        runs.add(tensor(part.getKey()).data().asSlice(turn * bytes, bytes));
      }
    }
    MemorySegment data =
        MemorySegment.ofArray(
            new byte[(int) runs.stream().mapToLong(MemorySegment::byteSize).sum()]);
    long at = 0;
    for (MemorySegment run : runs) {
      MemorySegment.copy(run, 0, data, at, run.byteSize());
      at += run.byteSize();
    }
    long rows = parts.keySet().stream().mapToLong(part -> tensor(part).shape().getFirst()).sum();
    parts.keySet().forEach(tensors::remove);
    tensors.put(name, new StoredTensor(name, dtype, List.of(rows, columns), data));
    return this;
  }

  /**
   * Stores a matrix with a row for each of its columns; what it holds is still known as it was.
   *
   * @param name its name
   * @return this model
   */
  public SmallModel transposed(String name) {
    StoredTensor stored = tensor(name);
    long rows = stored.shape().getFirst();
    long columns = stored.shape().getLast();
    long size = dtype.bytes(1);
    MemorySegment data = MemorySegment.ofArray(new byte[(int) stored.data().byteSize()]);
    for (long i = 0; i < rows * columns; i++) {
      long to = i % columns * rows + i / columns;
      MemorySegment.copy(stored.data(), i * size, data, to * size, size);
    }
    tensors.put(name, new StoredTensor(name, dtype, List.of(columns, rows), data));
    return this;
  }

  /**
   * Has a field of the configuration be called otherwise.
   *
   * @param from its name
   * @param to the other
   * @return this model
   */
  public SmallModel renamedField(String from, String to) {
    return with(to, Objects.requireNonNull(config.get(from), from)).without(from);
  }

  /**
   * A tensor of another one's elements.
   *
   * @param name its name
   * @param shape its dimensions
   * @param source which of the other's elements each of its own is
   */
  public record Part(String name, List<Long> shape, IntUnaryOperator source) {}

  /**
   * Stores a tensor's elements in others in place of it; what it holds is still known under its own
   * name.
   *
   * @param name its name
   * @param parts the others
   * @return this model
   */
  public SmallModel parted(String name, List<Part> parts) {
    float[] whole = values(name);
    for (Part part : parts) {
      long length = part.shape.stream().reduce(1L, Math::multiplyExact);
      float[] elements = new float[(int) length];
      for (int i = 0; i < elements.length; i++) {
        elements[i] = whole[part.source.applyAsInt(i)];
      }
      store(part.name, part.shape, elements);
    }
    tensors.remove(name);
    return this;
  }

  /**
   * Takes a tensor away.
   *
   * @param name its name
   * @return this model
   */
  public SmallModel withoutTensor(String name) {
    tensors.remove(name);
    values.remove(name);
    return this;
  }

  /**
   * Takes all tensors away whose names begin alike.
   *
   * @param prefix what they begin with
   * @return this model
   */
  public SmallModel withoutTensors(String prefix) {
    tensors.keySet().removeIf(name -> name.startsWith(prefix));
    values.keySet().removeIf(name -> name.startsWith(prefix));
    return this;
  }

  /**
   * Has a tensor be called otherwise; what it holds is still known under its own name.
   *
   * @param from its name
   * @param to the other
   * @return this model
   */
  public SmallModel renamed(String from, String to) {
    withCopy(to, from);
    tensors.remove(from);
    return this;
  }

  /**
   * Has a tensor have other dimensions.
   *
   * @param name its name
   * @param shape the dimensions
   * @return this model
   */
  public SmallModel reshaped(String name, long... shape) {
    tensors.put(name, tensor(name).reshaped(Arrays.stream(shape).boxed().toList()));
    return this;
  }

  /**
   * Adds a tensor of zeros.
   *
   * @param name its name
   * @param type how they are stored
   * @param shape its dimensions
   * @return this model
   */
  public SmallModel withTensor(String name, DType type, long... shape) {
    tensors.put(name, ZeroTensor.named(name, type, shape));
    return this;
  }

  /**
   * Adds a vector of random numbers around 0.
   *
   * @param name its name
   * @param length how many they are
   * @return this model
   */
  public SmallModel withVector(String name, int length) {
    return withVector(name, length, 0);
  }

  /**
   * Adds a vector of random numbers.
   *
   * @param name its name
   * @param length how many they are
   * @param mean around what
   * @return this model
   */
  public SmallModel withVector(String name, int length, float mean) {
    vector(name, length, mean);
    return this;
  }

  /**
   * Adds a vector of random numbers around 1, as gains of norms are.
   *
   * @param name its name
   * @param length how many they are
   * @return this model
   */
  public SmallModel withGains(String name, int length) {
    vector(name, length, 1);
    return this;
  }

  /**
   * Adds a matrix of random numbers.
   *
   * @param name its name
   * @param rows how many rows it has
   * @param columns how many columns it has
   * @return this model
   */
  public SmallModel withMatrix(String name, int rows, int columns) {
    matrix(name, rows, columns);
    return this;
  }

  /**
   * Changes each layer.
   *
   * @param change what is done, given what the names of its tensors begin with
   * @return this model
   */
  public SmallModel eachLayer(Consumer<String> change) {
    for (int index = 0; index < number("num_hidden_layers"); index++) {
      change.accept("model.layers." + index + ".");
    }
    return this;
  }

  /**
   * Has one tensor's bytes under another name, too.
   *
   * @param name the other name
   * @param of the tensor
   * @return this model
   */
  public SmallModel withCopy(String name, String of) {
    StoredTensor tensor = tensor(of);
    tensors.put(name, new StoredTensor(name, tensor.dtype(), tensor.shape(), tensor.data()));
    return this;
  }

  private void matrix(String name, int rows, int columns) {
    float[] elements = new float[rows * columns];
    for (int i = 0; i < elements.length; i++) {
      elements[i] = (float) (random.nextGaussian() / Math.sqrt(columns));
    }
    store(name, List.of((long) rows, (long) columns), elements);
  }

  private void vector(String name, int length, float mean) {
    float[] elements = new float[length];
    for (int i = 0; i < length; i++) {
      elements[i] = mean + (float) random.nextGaussian() * 0.3f;
    }
    store(name, List.of((long) length), elements);
  }

  private void store(String name, List<Long> shape, float[] elements) {
    byte[] bytes = new byte[(int) dtype.bytes(elements.length)];
    MemorySegment data = MemorySegment.ofArray(bytes);
    ValueLayout.OfShort half = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    for (int i = 0; i < elements.length; i++) {
      int bits = Float.floatToRawIntBits(elements[i]);
      switch (dtype) {
        case F32 ->
            data.set(
                ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN), 4L * i, bits);
        case BF16 -> {
          data.set(half, 2L * i, (short) (bits >>> 16));
          elements[i] = Float.intBitsToFloat(bits & 0xFFFF0000);
        }
        case F16 -> {
          data.set(half, 2L * i, Float.floatToFloat16(elements[i]));
          elements[i] = Float.float16ToFloat(Float.floatToFloat16(elements[i]));
        }
        default -> throw new IllegalStateException("no " + dtype + " is made here");
      }
    }
    values.put(name, elements);
    tensors.put(name, new StoredTensor(name, dtype, shape, data));
  }

  /**
   * A number of the configuration.
   *
   * @param field its name
   * @return what it says
   */
  public double number(String field) {
    return ((Number) Objects.requireNonNull(config.get(field), field)).doubleValue();
  }

  /**
   * Whether the model has a tensor, whatever it is called in the checkpoint.
   *
   * @param name its own name
   * @return false if it was never there or was taken away
   */
  public boolean holds(String name) {
    return values.containsKey(name);
  }

  /**
   * What a tensor holds.
   *
   * @param name its name
   * @return its elements as F32, row after row
   */
  public float[] values(String name) {
    return Objects.requireNonNull(values.get(name));
  }

  /**
   * Writes it as a checkpoint in Hugging Face's layout, without a tokenizer.
   *
   * @param folder where to
   * @throws IOException when it cannot be written
   */
  public void save(Path folder) throws IOException {
    RawTensors files = new RawTensors();
    tensors.values().forEach(files::with);
    files.save(folder, config);
  }

  @Override
  public String root() {
    return "/models/small";
  }

  @Override
  public String format() {
    return "safetensors";
  }

  @Override
  public ArtefactDigest digest() {
    return ArtefactDigest.of(new byte[ArtefactDigest.LENGTH]);
  }

  @Override
  public Map<String, Object> config() {
    return Collections.unmodifiableMap(config);
  }

  @Override
  public SortedSet<String> tensorNames() {
    return Collections.unmodifiableSortedSet(tensors.navigableKeySet());
  }

  @Override
  public StoredTensor tensor(String name) {
    StoredTensor tensor = tensors.get(name);
    if (tensor == null) {
      throw new CheckpointException("there is no tensor '" + name + "'");
    }
    return tensor;
  }

  @Override
  public Optional<String> text(String name) {
    return Optional.empty();
  }

  @Override
  public void close() {}
}
