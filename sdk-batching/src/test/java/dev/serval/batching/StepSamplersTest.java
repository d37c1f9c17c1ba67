package dev.serval.batching;

import static dev.serval.batching.DrivenEngine.expected;
import static dev.serval.batching.DrivenEngine.prompt;
import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.batching.DrivenEngine.Setup;
import dev.serval.testkit.CollectingSink;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

/** A step says who draws after which run, so that an executor can let it draw there and then. */
final class StepSamplersTest {
  @Test
  void a_run_names_its_sampler_once_a_token_is_to_be_drawn() {
    List<Boolean> named = new ArrayList<>();
    CollectingSink sink = new CollectingSink();
    DrivenEngine engine =
        new Setup().limits(4, 1).beforeStep(batch -> named.add(batch.sampler(0) != null)).engine();
    engine.submit(prompt(1, 10), 3, sink);
    engine.run();
    assertThat(named).containsExactly(false, false, true, true, true);
    assertThat(sink.tokens()).isEqualTo(expected(prompt(1, 10), 3));
  }

  @Test
  void a_sampler_that_cannot_be_made_fails_its_sequence_alone_and_is_not_tried_again() {
    OutOfMemoryError failure = new OutOfMemoryError("of samplers, as a test");
    AtomicInteger made = new AtomicInteger();
    CollectingSink first = new CollectingSink();
    CollectingSink second = new CollectingSink();
    DrivenEngine engine =
        new Setup()
            .beforeSampler(() -> {
              if (made.incrementAndGet() == 2) {
                throw failure;
              }
            })
            .engine();
    engine.submit(prompt(1, 6), 3, first);
    engine.submit(prompt(2, 6), 3, second);
    engine.run();
    assertThat(second.awaitEnd().failure()).isSameAs(failure);
    assertThat(second.tokens()).isEmpty();
    assertThat(first.tokens()).isEqualTo(expected(prompt(1, 6), 3));
    assertThat(made).hasValue(2);
  }
}
