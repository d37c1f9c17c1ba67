package dev.serval.runtime;

import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.api.ServingRuntime;
import dev.serval.api.compute.DType;
import dev.serval.testkit.models.SmallModel;
import dev.serval.testkit.models.StatefulModels;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * A model whose layers carry a state along answers the same however its sequences are computed:
 * what is found again, gives way or is cut up brings its state with it.
 */
final class CarriedStatesTest {
  private static final int VOCABULARY = SameAnswers.VOCABULARY;

  @TempDir Path parent;

  /** What layers keep that do not attend, or do so besides. */
  enum Kind {
    DELTA_NETWORKS,
    STATE_SPACES,
    STATE_SPACES_AND_EXPERTS_IN_OTHER_LAYERS,
    STATE_SPACES_BESIDE_ATTENTION,
    SHORT_CONVOLUTIONS;

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

  @Test
  void blocks_are_as_large_as_their_states_unless_told_otherwise() throws IOException {
    try (ServingRuntime runtime = alone(Kind.DELTA_NETWORKS).builder().build()) {
      assertThat(runtime.describe().toString())
          .contains("of 64 tokens", "states of 10.4 KiB in each");
    }
  }
}
