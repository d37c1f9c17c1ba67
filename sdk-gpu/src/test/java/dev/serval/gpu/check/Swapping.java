package dev.serval.gpu.check;

import dev.serval.api.LoadListener;
import dev.serval.api.Sampling;
import dev.serval.api.cache.KvSwap;
import dev.serval.api.compute.DType;
import dev.serval.api.model.ModelSpec;
import dev.serval.api.model.StepLimits;
import dev.serval.api.storage.Checkpoint;
import dev.serval.gpu.compute.CudaBackendProvider;
import dev.serval.gpu.compute.GpuModel;
import dev.serval.storage.SafetensorsReader;
import dev.serval.testkit.models.SteppedModel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;

/**
 * What sequences that decode notice of KV blocks that are swapped meanwhile: {@code Swapping NAME
 * FOLDER [SECONDS [CONTEXT]]}, with so many seconds for each number of sequences, 8 if not given.
 *
 * <p>Short runs of the same steps take turns, one without and one with blocks that are saved and
 * brought back ahead beside each step: as many as the engine has moved at most, asked for as its
 * cache asks for them when no block is free. After a run the sequences go back to where they were,
 * so that every run computes the same. They and the sequence whose blocks move must give what they
 * would have given.
 */
public final class Swapping {
  private static final int BLOCK = 16;
  private static final int STEPS = 40;
  private static final int BLOCKS_A_STEP = 16;
  private static final int MOVING = 64;
  private static final int PROMPT = 1024;
  private static final int[] BATCHES = {16, 32};

  private final Table table;
  private final GpuModel model;
  private final int context;
  private final long most;
  private final Random random = new Random(5);
  private final KvSwap swap;
  private final SteppedModel.Sequence moving;
  private final int[] moved;
  private int next;

  private Swapping(Table table, GpuModel model, double seconds, int context) {
    this.table = table;
    this.model = model;
    this.context = context;
    most = (long) (seconds * 1e9);
    moved = prompt(Math.min(2 * context, MOVING * BLOCK));
    moving = model.sequence(moved);
    model.advance(moving);
    swap = model.swap(moving.blocks());
  }

  /**
   * Runs it.
   *
   * @param args as above
   * @throws Exception when anything goes wrong
   */
  public static void main(String[] args) throws Exception {
    double seconds = args.length > 2 ? Double.parseDouble(args[2]) : 8;
    int context = args.length > 3 ? Integer.parseInt(args[3]) : 512;
    int blocks = 32 * Math.ceilDiv(context + 2 * STEPS, BLOCK) + 3 * MOVING;
    SteppedModel.Setup setup =
        new SteppedModel.Setup(DType.BF16, BLOCK, blocks, new StepLimits(PROMPT, 32));
    try (Checkpoint checkpoint = new SafetensorsReader().open(Path.of(args[1]), LoadListener.NONE);
        GpuModel model =
            new GpuModel(checkpoint, new CudaBackendProvider(), Decoding.firstGpu(), setup)) {
      Swapping run = new Swapping(new Table(args[0]), model, seconds, context);
      for (int batch : BATCHES) {
        run.beside(batch);
      }
      run.checkMoved();
    }
  }

  private int[] prompt(int length) {
    return random.ints(length, 0, model.executor().spec().vocabulary()).toArray();
  }

  private void beside(int batch) {
    List<SteppedModel.Sequence> sequences = new ArrayList<>();
    for (int i = 0; i < batch; i++) {
      int[] prompt = prompt(context);
      SteppedModel.Sequence sequence =
          model.sequence(prompt).drawnBy(model.executor().sampler(Sampling.GREEDY, 1, prompt, -1));
      model.draw(List.of(sequence), PROMPT);
      sequences.add(sequence);
    }
    Times alone = new Times();
    Times swapping = new Times();
    List<int[]> expected = run(sequences, alone, false);
    run(sequences, swapping, true);
    alone.clear();
    swapping.clear();
    boolean same = true;
    long begin = System.nanoTime();
    while (System.nanoTime() - begin < most) {
      same &= same(expected, run(sequences, alone, false));
      same &= same(expected, run(sequences, swapping, true));
    }
    sequences.forEach(model::end);
    tell(batch, alone, swapping, same);
  }

  /** Steps, and back to where they began; gives the tokens that were drawn. */
  private List<int[]> run(List<SteppedModel.Sequence> sequences, Times times, boolean swaps) {
    long movedBefore = swap.nanos();
    long begin = System.nanoTime();
    for (int i = 0; i < STEPS; i++) {
      long start = System.nanoTime();
      if (swaps) {
        model.renewAhead(moving, swap, next, BLOCKS_A_STEP);
        next += BLOCKS_A_STEP;
      }
      model.draw(sequences, 1);
      swap.settle();
      times.add(System.nanoTime() - start, model.handedOver() - start);
    }
    times.nanos += System.nanoTime() - begin;
    times.moving += swap.nanos() - movedBefore;
    List<int[]> drawn = sequences.stream().map(SteppedModel.Sequence::completion).toList();
    sequences.forEach(sequence -> sequence.takeBack(STEPS));
    return drawn;
  }

  private static boolean same(List<int[]> some, List<int[]> others) {
    boolean same = true;
    for (int i = 0; i < some.size(); i++) {
      same &= Arrays.equals(some.get(i), others.get(i));
    }
    return same;
  }

  /** How long steps took. */
  private static final class Times {
    private long[] steps = new long[1024];
    private long[] launches = new long[1024];
    private int count;
    private long nanos;
    private long moving;

    void add(long step, long launch) {
      if (count == steps.length) {
        steps = Arrays.copyOf(steps, 2 * count);
        launches = Arrays.copyOf(launches, 2 * count);
      }
      steps[count] = step;
      launches[count++] = launch;
    }

    void clear() {
      count = 0;
      nanos = 0;
      moving = 0;
    }

    double step(int percent) {
      return at(steps, percent) / 1e6;
    }

    double launch(int percent) {
      return at(launches, percent) / 1e3;
    }

    private double at(long[] values, int percent) {
      long[] sorted = Arrays.copyOf(values, count);
      Arrays.sort(sorted);
      return sorted[count * percent / 100];
    }
  }

  private void tell(int batch, Times alone, Times swapping, boolean same) {
    ModelSpec spec = model.executor().spec();
    long block = spec.kvLayout(BLOCK, DType.BF16).blockBytes();
    double bytes = 2.0 * BLOCKS_A_STEP * block * swapping.count;
    String what = "steps of " + batch;
    table.line(
        what + ", alone and swapping",
        "p99 <= 1.05 x",
        "p99 %.3f and %.3f ms (%.3f x), median %.3f and %.3f (%.3f x), of %d and %d steps",
        alone.step(99),
        swapping.step(99),
        swapping.step(99) / alone.step(99),
        alone.step(50),
        swapping.step(50),
        swapping.step(50) / alone.step(50),
        alone.count,
        swapping.count);
    table.line(
        what + ", what moved",
        "the same tokens",
        "%d blocks of %.2f MiB out and in a step, %.2f GB/s, %.1f GB/s while they move; CPU %.0f and %.0f µs to launch; %s",
        BLOCKS_A_STEP,
        block / (double) (1 << 20),
        bytes / swapping.nanos,
        bytes / Math.max(1, swapping.moving),
        alone.launch(50),
        swapping.launch(50),
        same ? "the same tokens" : "OTHER TOKENS");
    if (!same) {
      throw new IllegalStateException("steps beside blocks that move gave other tokens");
    }
  }

  /** The blocks that moved are as those of a sequence that stayed. */
  private void checkMoved() {
    SteppedModel.Sequence stayed = model.sequence(moved);
    model.advance(stayed);
    float[] expected = after(stayed);
    boolean same = Arrays.equals(expected, after(moving));
    table.line("blocks that moved", "the same bits", "%s", same ? "the same bits" : "OTHER BITS");
    if (!same) {
      throw new IllegalStateException("blocks that moved have other bits");
    }
  }

  private float[] after(SteppedModel.Sequence sequence) {
    sequence.append(1);
    return model.advance(sequence);
  }
}
