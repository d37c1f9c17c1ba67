package dev.serval.models.family;

import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.api.LoadListener;
import dev.serval.api.compute.DType;
import dev.serval.api.compute.KernelPreference;
import dev.serval.api.compute.StepBatch;
import dev.serval.api.storage.Checkpoint;
import dev.serval.storage.SafetensorsReader;
import dev.serval.testkit.ThreadMeter;
import dev.serval.testkit.models.Oracle;
import dev.serval.testkit.models.SteppedModel;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class SteadyStateTest {
  private static final int WARM_UP = 300;
  private static final int STEPS = 400;

  /** Kernels of vectors take from the heap until the last of them is compiled. */
  private static final Duration LONGEST = Duration.ofMinutes(1);

  private static final long SMALLEST_OBJECT = 16;

  @TempDir Path folder;

  @Test
  void a_step_takes_nothing_from_the_heap() throws IOException {
    Oracle oracle = Oracle.named("qwen3");
    try (Checkpoint checkpoint =
            new SafetensorsReader().open(oracle.folder(folder), LoadListener.NONE);
        ModelRun run = new ModelRun(checkpoint, 2, DType.BF16, KernelPreference.best())) {
      List<SteppedModel.Sequence> sequences = oracle.prompts().stream().map(run::sequence).toList();
      List<Integer> counts =
          sequences.stream().map(sequence -> Math.min(sequence.left(), 16)).toList();
      StepBatch batch = run.fill(sequences, counts);
      execute(run, batch, WARM_UP);
      List<Thread> threads = threads();
      long taken = Long.MAX_VALUE;
      long end = System.nanoTime() + LONGEST.toNanos();
      while (taken >= SMALLEST_OBJECT * STEPS && System.nanoTime() < end) {
        long before = allocated(threads);
        execute(run, batch, STEPS);
        taken = allocated(threads) - before;
      }
      assertThat(taken).as("bytes of %d steps", STEPS).isLessThan(SMALLEST_OBJECT * STEPS);
    }
  }

  /** This thread and the crew's. */
  private static List<Thread> threads() {
    List<Thread> threads = new ArrayList<>(List.of(Thread.currentThread()));
    Thread.getAllStackTraces().keySet().stream()
        .filter(thread -> thread.getName().startsWith("cpu:0-"))
        .forEach(threads::add);
    return threads;
  }

  private static long allocated(List<Thread> threads) {
    ThreadMeter meter = new ThreadMeter();
    long sum = 0;
    for (Thread thread : threads) {
      sum += meter.allocatedBytes(thread);
    }
    return sum;
  }

  private static void execute(ModelRun run, StepBatch batch, int steps) {
    for (int step = 0; step < steps; step++) {
      run.executor().execute(batch);
    }
  }
}
