package dev.serval.runtime;

import dev.serval.api.compute.DType;
import dev.serval.api.compute.RouterSpec.GroupScore;
import dev.serval.api.compute.RouterSpec.Groups;
import dev.serval.testkit.models.Experts;
import dev.serval.testkit.models.LatentModels;
import dev.serval.testkit.models.LatentModels.Heads;
import dev.serval.testkit.models.SmallModel;
import dev.serval.testkit.models.SmallModel.Sizes;
import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** A model of latent attention answers the same however its sequences are computed. */
final class LatentAnswersTest {
  @TempDir Path parent;

  /** Sizes and feed-forward layers. */
  enum Kind {
    DENSE_AND_ODD,
    EXPERTS;

    SmallModel model() {
      return switch (this) {
        case DENSE_AND_ODD ->
            LatentModels.of(
                "DeepseekV3ForCausalLM",
                64,
                DType.F32,
                new Sizes(SameAnswers.VOCABULARY, 37, 53, 2, 5, 5, 6),
                new Heads(0, 19, 9, 6, 15));
        case EXPERTS -> {
          Experts experts =
              new Experts(8, 3, 32, true, false, "mlp.gate")
                  .with(LatentModels.chosenBySigmoid(1, 2.5, 32))
                  .with(new Groups(4, 2, GroupScore.TWO_HIGHEST));
          Sizes sizes = new Sizes(SameAnswers.VOCABULARY, 64, 96, 2, 4, 4, 32);
          Heads heads = new Heads(32, 64, 32, 32, 32);
          yield LatentModels.withExperts(
              LatentModels.of("DeepseekV3ForCausalLM", 65, DType.F32, sizes, heads), experts);
        }
      };
    }
  }

  private SameAnswers alone(Kind kind) throws IOException {
    return new SameAnswers(kind.model(), parent);
  }

  @ParameterizedTest
  @EnumSource(Kind.class)
  void answers_are_the_same_where_the_beginning_was_computed_for_another(Kind kind)
      throws IOException {
    alone(kind).assertWhereBeginningsAreFound();
  }

  @ParameterizedTest
  @EnumSource(Kind.class)
  void answers_are_the_same_together_in_small_steps(Kind kind) throws IOException {
    alone(kind).assertTogetherInSmallSteps();
  }

  @ParameterizedTest
  @EnumSource(Kind.class)
  void answers_are_the_same_after_giving_way_to_others(Kind kind)
      throws IOException, InterruptedException {
    alone(kind).assertAfterGivingWay();
  }
}
