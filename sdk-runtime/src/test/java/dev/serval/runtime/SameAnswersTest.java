package dev.serval.runtime;

import dev.serval.api.compute.DType;
import dev.serval.api.compute.RouterSpec.GroupScore;
import dev.serval.api.compute.RouterSpec.Groups;
import dev.serval.testkit.models.Experts;
import dev.serval.testkit.models.LatentModels;
import dev.serval.testkit.models.LatentModels.Heads;
import dev.serval.testkit.models.SmallModel;
import dev.serval.testkit.models.SmallModel.Sizes;
import dev.serval.testkit.models.StatefulModels;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Models whose layers keep something else than keys and values of each head answer the same however
 * their sequences are computed: what is found again, gives way or is cut up brings it along.
 */
final class SameAnswersTest {
  @TempDir Path parent;

  /** What layers keep. */
  enum Kept {
    DELTA_NETWORKS,
    STATE_SPACES,
    STATE_SPACES_AND_EXPERTS_IN_OTHER_LAYERS,
    STATE_SPACES_BESIDE_ATTENTION,
    SHORT_CONVOLUTIONS,
    LATENT_OF_ODD_SIZES,
    LATENT_WITH_EXPERTS;

    private static final int VOCABULARY = SameAnswers.VOCABULARY;

    SmallModel model() {
      return switch (this) {
        case DELTA_NETWORKS ->
            StatefulModels.apart("Qwen3_5ForCausalLM", 61, DType.F32, VOCABULARY);
        case STATE_SPACES ->
            StatefulModels.withoutExperts(StatefulModels.stateSpaces(62, DType.F32, VOCABULARY));
        case STATE_SPACES_AND_EXPERTS_IN_OTHER_LAYERS ->
            StatefulModels.withMixerNames(
                StatefulModels.withSpaceFields(
                    StatefulModels.ofOnePart(64, DType.F32, VOCABULARY, "M*EM")));
        case STATE_SPACES_BESIDE_ATTENTION ->
            StatefulModels.withFalconNames(
                StatefulModels.sideBySide(65, DType.F32, VOCABULARY)
                    .with("ssm_multipliers", List.of(0.8, 1.1, 0.7, 1.3, 0.5)));
        case SHORT_CONVOLUTIONS ->
            StatefulModels.withConvolutionNames(
                StatefulModels.convolutions("Lfm2ForCausalLM", 63, DType.F32, VOCABULARY));
        case LATENT_OF_ODD_SIZES ->
            latent(64, new Sizes(VOCABULARY, 37, 53, 2, 5, 5, 6), new Heads(0, 19, 9, 6, 15));
        case LATENT_WITH_EXPERTS -> {
          Experts experts =
              new Experts(8, 3, 32, true, false, "mlp.gate")
                  .with(LatentModels.chosenBySigmoid(1, 2.5, 32))
                  .with(new Groups(4, 2, GroupScore.TWO_HIGHEST));
          Sizes sizes = new Sizes(VOCABULARY, 64, 96, 2, 4, 4, 32);
          yield LatentModels.withExperts(latent(65, sizes, new Heads(32, 64, 32, 32, 32)), experts);
        }
      };
    }

    private static SmallModel latent(int seed, Sizes sizes, Heads heads) {
      return LatentModels.of("DeepseekV3ForCausalLM", seed, DType.F32, sizes, heads);
    }
  }

  private SameAnswers alone(Kept kept) throws IOException {
    return new SameAnswers(kept.model(), parent);
  }

  @ParameterizedTest
  @EnumSource
  void answers_are_the_same_where_the_beginning_was_computed_for_another(Kept kept)
      throws IOException {
    alone(kept).assertWhereBeginningsAreFound();
  }

  @ParameterizedTest
  @EnumSource
  void answers_are_the_same_together_in_small_steps(Kept kept) throws IOException {
    alone(kept).assertTogetherInSmallSteps();
  }

  @ParameterizedTest
  @EnumSource
  void answers_are_the_same_where_tokens_are_guessed(Kept kept) throws IOException {
    alone(kept).assertWhereTokensAreGuessed();
  }

  @ParameterizedTest
  @EnumSource
  void answers_are_the_same_after_giving_way_to_others(Kept kept)
      throws IOException, InterruptedException {
    alone(kept).assertAfterGivingWay();
  }
}
