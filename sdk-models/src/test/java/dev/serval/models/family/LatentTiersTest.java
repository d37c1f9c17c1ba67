package dev.serval.models.family;

import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.api.compute.DType;
import dev.serval.api.compute.KernelKind;
import dev.serval.api.compute.KernelPreference;
import dev.serval.models.cpu.Tiers;
import dev.serval.testkit.models.LatentModels;
import dev.serval.testkit.models.LatentModels.Heads;
import dev.serval.testkit.models.SmallModel;
import dev.serval.testkit.models.SmallModel.Sizes;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Latent attention by kernels of each sort, of sizes for which all have theirs. */
final class LatentTiersTest {
  private static final int VOCABULARY = 96;

  /** What comes of rounding inputs to BF16. */
  private static final float TOLERANCE = 0.05f;

  static List<KernelKind> tiers() {
    return Tiers.all();
  }

  @ParameterizedTest
  @MethodSource("tiers")
  void logits_are_nearly_those_of_plain_kernels(KernelKind kernels) {
    SmallModel model =
        LatentModels.of(
            "DeepseekV3ForCausalLM",
            7,
            DType.BF16,
            new Sizes(VOCABULARY, 64, 96, 2, 4, 4, 32),
            new Heads(32, 64, 32, 32, 32));
    int[] tokens = new Random(8).ints(90, 0, VOCABULARY).toArray();
    try (ModelRun plain = new ModelRun(model, 1, KernelKind.PLAIN);
        ModelRun run = new ModelRun(model, 2, DType.BF16, KernelPreference.require(kernels))) {
      for (int chunk : new int[] {1, 7, 90}) {
        assertThat(run.logits(tokens, chunk))
            .usingComparatorWithPrecision(TOLERANCE)
            .containsExactly(plain.logits(tokens, chunk));
      }
    }
  }
}
