package dev.serval.gpu.compute;

import dev.serval.api.Bytes;
import dev.serval.api.LoadListener;
import dev.serval.api.cache.BlockTable;
import dev.serval.api.cache.KvMemory;
import dev.serval.api.compute.ComputeBackend;
import dev.serval.api.compute.ComputeBackendProvider;
import dev.serval.api.compute.ComputeOptions;
import dev.serval.api.compute.DType;
import dev.serval.api.compute.Logits;
import dev.serval.api.compute.StepBatch;
import dev.serval.api.device.Device;
import dev.serval.api.device.NativeMemory;
import dev.serval.api.model.ModelExecutor;
import dev.serval.api.model.ModelFamily;
import dev.serval.api.model.SampledToken;
import dev.serval.api.model.StepLimits;
import dev.serval.api.model.TokenSampler;
import dev.serval.api.storage.Checkpoint;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.ServiceLoader;
import java.util.stream.IntStream;

/** A model on a backend and the least of an engine: sequences, blocks in no order, steps. */
public final class GpuModel implements AutoCloseable {
  private final NativeMemory memory = NativeMemory.root("test", Bytes.gibi(8));
  private final ComputeBackend backend;
  private final ModelExecutor executor;
  private final StepBatch batch;
  private final List<Integer> freeBlocks;
  private final SampledToken drawn = new SampledToken(0);
  private final int blockTokens;

  /**
   * How a model is run.
   *
   * @param kvType how keys and values are kept
   * @param blockTokens tokens of a block
   * @param blocks of the KV memory
   * @param limits the largest step
   */
  public record Setup(DType kvType, int blockTokens, int blocks, StepLimits limits) {
    /** Small. */
    public static final Setup SMALL = new Setup(DType.F32, 16, 96, new StepLimits(160, 8));

    Setup keeping(DType type) {
      return new Setup(type, blockTokens, blocks, limits);
    }
  }

  /**
   * Loads a model.
   *
   * @param checkpoint the model
   * @param provider opens the backend
   * @param device where
   * @param setup how it is run
   */
  public GpuModel(
      Checkpoint checkpoint, ComputeBackendProvider provider, Device device, Setup setup) {
    blockTokens = setup.blockTokens();
    batch = new StepBatch(setup.limits().tokens(), setup.limits().sequences());
    freeBlocks = new ArrayList<>(IntStream.range(0, setup.blocks()).boxed().toList());
    Collections.shuffle(freeBlocks, new Random(7));
    backend = provider.open(device, ComputeOptions.of(2), memory);
    try {
      ModelFamily family = family(checkpoint);
      KvMemory kv =
          backend.kvMemory(
              family.inspect(checkpoint).kvLayout(blockTokens, setup.kvType()), setup.blocks());
      executor = family.load(checkpoint, backend, kv, setup.limits(), LoadListener.NONE);
    } catch (RuntimeException | Error e) {
      close();
      throw e;
    }
  }

  private static ModelFamily family(Checkpoint checkpoint) {
    GpuModel.class.getModule().addUses(ModelFamily.class);
    List<?> named = (List<?>) checkpoint.config().get("architectures");
    return ServiceLoader.load(ModelFamily.class).stream()
        .map(ServiceLoader.Provider::get)
        .filter(family -> family.architectures().containsAll(named))
        .findFirst()
        .orElseThrow();
  }

  /**
   * What computes.
   *
   * @return the executor
   */
  public ModelExecutor executor() {
    return executor;
  }

  /**
   * Where it computes.
   *
   * @return the backend
   */
  public ComputeBackend backend() {
    return backend;
  }

  /**
   * Begins a sequence.
   *
   * @param prompt its tokens
   * @return the sequence
   */
  public Sequence sequence(int[] prompt) {
    return new Sequence(prompt);
  }

  /** Computes a prompt in chunks of this size and gives the logits after it. */
  float[] logits(int[] prompt, int chunk) {
    Sequence sequence = sequence(prompt);
    float[] last = new float[0];
    while (sequence.left() > 0) {
      last = step(List.of(sequence), List.of(Math.min(chunk, sequence.left()))).getFirst();
    }
    return last;
  }

  int[] greedy(int[] prompt, int count) {
    Sequence sequence = sequence(prompt);
    while (sequence.generated() < count) {
      int chunk = Math.min(sequence.left(), batch.maxRows());
      float[] logits = step(List.of(sequence), List.of(chunk)).getFirst();
      if (sequence.left() == 0) {
        sequence.append(argmax(logits));
      }
    }
    return sequence.completion();
  }

  /** One step: so many tokens of each sequence. Gives each one's logits. */
  List<float[]> step(List<Sequence> sequences, List<Integer> counts) {
    fill(sequences, counts);
    Logits logits = executor.execute(batch);
    List<float[]> rows = new ArrayList<>();
    for (int i = 0; i < sequences.size(); i++) {
      sequences.get(i).computed += counts.get(i);
      rows.add(logits.row(batch.logitRow(i)).toArray(ValueLayout.JAVA_FLOAT));
    }
    return rows;
  }

  StepBatch fill(List<Sequence> sequences, List<Integer> counts) {
    batch.clear();
    for (int i = 0; i < sequences.size(); i++) {
      Sequence sequence = sequences.get(i);
      sequence.reserve(sequence.computed + counts.get(i));
      batch.add(sequence.tokens, sequence.computed, counts.get(i), sequence.table, true);
    }
    return batch;
  }

  /**
   * One step in which every sequence computes what is left of it, or a part of its prompt, and
   * draws a token once nothing is left.
   *
   * @param sequences those that take part
   * @param most tokens of a sequence
   */
  public void draw(List<Sequence> sequences, int most) {
    batch.clear();
    for (int i = 0; i < sequences.size(); i++) {
      Sequence sequence = sequences.get(i);
      int count = Math.min(most, sequence.left());
      sequence.reserve(sequence.computed + count);
      if (count == sequence.left() && sequence.sampler != null) {
        batch.add(sequence.tokens, sequence.computed, count, sequence.table, sequence.sampler);
      } else {
        batch.add(
            sequence.tokens, sequence.computed, count, sequence.table, count == sequence.left());
      }
    }
    Logits logits = executor.execute(batch);
    for (int i = 0; i < sequences.size(); i++) {
      Sequence sequence = sequences.get(i);
      sequence.computed += batch.firstRow(i + 1) - batch.firstRow(i);
      if (batch.logitRow(i) >= 0 && sequence.sampler != null) {
        sequence.sampler.sample(logits, batch.logitRow(i), drawn);
        sequence.append(drawn.id());
      }
    }
  }

  /** Computes what is left of a sequence and gives the logits after it. */
  public float[] advance(Sequence sequence) {
    float[] logits = new float[0];
    while (sequence.left() > 0) {
      int chunk = Math.min(sequence.left(), batch.maxRows());
      logits = step(List.of(sequence), List.of(chunk)).getFirst();
    }
    return logits;
  }

  /** Gives a sequence's blocks back. */
  public void end(Sequence sequence) {
    for (int i = 0; i < sequence.table.size(); i++) {
      freeBlocks.add(sequence.table.block(i));
    }
    sequence.table.clear();
  }

  /** When the last step had been handed to the device, by {@link System#nanoTime}. */
  public long handedOver() {
    return ((CudaBackend) backend).handedOver();
  }

  /** The token with the largest score. */
  public static int argmax(float[] logits) {
    int best = 0;
    for (int i = 1; i < logits.length; i++) {
      best = logits[i] > logits[best] ? i : best;
    }
    return best;
  }

  @Override
  public void close() {
    backend.close();
    memory.close();
  }

  /** A sequence with blocks of its own. */
  public final class Sequence {
    private final BlockTable table = new BlockTable();
    private final int promptLength;
    private TokenSampler sampler;
    private int[] tokens;
    private int total;
    private int computed;

    private Sequence(int[] prompt) {
      tokens = Arrays.copyOf(prompt, prompt.length + 4096);
      promptLength = prompt.length;
      total = prompt.length;
    }

    /**
     * Says who draws its tokens.
     *
     * @param drawer a sampler
     * @return this
     */
    public Sequence drawnBy(TokenSampler drawer) {
      sampler = drawer;
      return this;
    }

    private void reserve(int count) {
      while (table.size() * blockTokens < count) {
        table.add(freeBlocks.removeLast());
      }
    }

    /** Goes on with a token. */
    public void append(int token) {
      if (total == tokens.length) {
        tokens = Arrays.copyOf(tokens, total * 2);
      }
      tokens[total++] = token;
    }

    /**
     * What is not computed yet.
     *
     * @return the number of tokens
     */
    public int left() {
      return total - computed;
    }

    int generated() {
      return total - promptLength;
    }

    /**
     * What was generated.
     *
     * @return the tokens
     */
    public int[] completion() {
      return Arrays.copyOfRange(tokens, promptLength, total);
    }
  }
}
