package dev.serval.models.family;

import dev.serval.api.Bytes;
import dev.serval.api.LoadListener;
import dev.serval.api.cache.BlockTable;
import dev.serval.api.cache.KvMemory;
import dev.serval.api.compute.ComputeBackend;
import dev.serval.api.compute.ComputeOptions;
import dev.serval.api.compute.DType;
import dev.serval.api.compute.KernelKind;
import dev.serval.api.compute.KernelPreference;
import dev.serval.api.compute.Logits;
import dev.serval.api.compute.StepBatch;
import dev.serval.api.device.Device;
import dev.serval.api.device.DeviceKind;
import dev.serval.api.device.NativeMemory;
import dev.serval.api.model.ModelExecutor;
import dev.serval.api.model.ModelFamily;
import dev.serval.api.model.StepLimits;
import dev.serval.api.storage.Checkpoint;
import dev.serval.models.cpu.CpuBackendProvider;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.TreeMap;
import java.util.stream.IntStream;

/** A model on the CPU backend and the least of an engine: sequences, blocks in no order, steps. */
final class ModelRun implements AutoCloseable {
  static final List<ModelFamily> FAMILIES =
      List.of(new Llama(), new Mistral(), new Qwen2(), new Qwen3());
  private static final int BLOCKS = 96;
  private static final int MAX_TOKENS = 160;
  private static final int MAX_SEQUENCES = 8;

  private final NativeMemory memory = NativeMemory.root("test", Bytes.gibi(2));
  private final ComputeBackend backend;
  private final ModelExecutor executor;
  private final StepBatch batch = new StepBatch(MAX_TOKENS, MAX_SEQUENCES);
  private final List<Integer> freeBlocks =
      new ArrayList<>(IntStream.range(0, BLOCKS).boxed().toList());
  private final int blockTokens;

  /** With kernels that do not round their inputs. */
  ModelRun(Checkpoint checkpoint, int threads) {
    this(checkpoint, threads, DType.F32, 16, KernelPreference.without(KernelKind.GENERATED));
  }

  ModelRun(Checkpoint checkpoint, int threads, KernelKind kernels) {
    this(checkpoint, threads, DType.F32, 16, KernelPreference.require(kernels));
  }

  ModelRun(
      Checkpoint checkpoint, int threads, DType kvType, int blockTokens, KernelPreference kernels) {
    this.blockTokens = blockTokens;
    Device cpu = new Device("cpu:0", DeviceKind.CPU, "test", Bytes.gibi(2), new TreeMap<>());
    backend =
        new CpuBackendProvider().open(cpu, ComputeOptions.of(threads).withKernels(kernels), memory);
    ModelFamily family = family(checkpoint);
    KvMemory kv =
        backend.kvMemory(family.inspect(checkpoint).kvLayout(blockTokens, kvType), BLOCKS);
    StepLimits limits = new StepLimits(MAX_TOKENS, MAX_SEQUENCES);
    executor = family.load(checkpoint, backend, kv, limits, LoadListener.NONE);
    Collections.shuffle(freeBlocks, new Random(7));
  }

  static ModelFamily family(Checkpoint checkpoint) {
    List<?> named = (List<?>) checkpoint.config().get("architectures");
    return FAMILIES.stream()
        .filter(family -> family.architectures().containsAll(named))
        .findFirst()
        .orElseThrow();
  }

  ModelExecutor executor() {
    return executor;
  }

  Sequence sequence(int[] prompt) {
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
      int chunk = Math.min(sequence.left(), MAX_TOKENS);
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

  static int argmax(float[] logits) {
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
  final class Sequence {
    private final BlockTable table = new BlockTable();
    private final int promptLength;
    private int[] tokens;
    private int total;
    private int computed;

    private Sequence(int[] prompt) {
      tokens = prompt.clone();
      promptLength = prompt.length;
      total = prompt.length;
    }

    private void reserve(int count) {
      while (table.size() * blockTokens < count) {
        table.add(freeBlocks.removeLast());
      }
    }

    void append(int token) {
      if (total == tokens.length) {
        tokens = Arrays.copyOf(tokens, total * 2);
      }
      tokens[total++] = token;
    }

    int left() {
      return total - computed;
    }

    int generated() {
      return total - promptLength;
    }

    int[] completion() {
      return Arrays.copyOfRange(tokens, promptLength, total);
    }
  }
}
