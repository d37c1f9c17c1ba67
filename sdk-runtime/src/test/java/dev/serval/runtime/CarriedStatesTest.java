package dev.serval.runtime;

import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.api.ServingRuntime;
import dev.serval.testkit.models.SmallModel;
import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Blocks of models whose layers carry a state along. */
final class CarriedStatesTest {
  @Test
  void blocks_are_for_as_many_tokens_as_take_what_states_of_a_layer_do(@TempDir Path parent)
      throws IOException {
    SmallModel model = SameAnswersTest.Kept.DELTA_NETWORKS.model();
    try (ServingRuntime runtime = new SameAnswers(model, parent).builder().build()) {
      assertThat(runtime.describe().toString())
          .contains(
              "of 16 tokens for each of 4 groups of layers", "states of 10.4 KiB for a sequence");
    }
  }
}
