package dev.serval.command.bench;

import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.api.Bytes;
import dev.serval.api.cache.KvShape;
import dev.serval.api.cache.StateShape;
import dev.serval.api.compute.DType;
import dev.serval.api.model.ModelSpec;
import dev.serval.testkit.models.Experts;
import dev.serval.testkit.models.SmallModel;
import dev.serval.testkit.models.SmallModel.Extras;
import dev.serval.testkit.models.SmallModel.Sizes;
import dev.serval.testkit.models.StatefulModels;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

final class ModelWorkTest {
  private static final Sizes SIZES = new Sizes(20, 16, 24, 2, 4, 2, 4);
  private static final ModelSpec SPEC = sharing(0);

  private static ModelSpec sharing(int layers) {
    List<KvShape> kept = Collections.nCopies(2, new KvShape(2, 4));
    return new ModelSpec("glm4moe", 20, 512, 2, layers, kept, StateShape.NONE, 3, 2, 0, Bytes.ZERO);
  }

  @Test
  void experts_that_all_rows_go_to_count_whole_and_what_predicts_further_tokens_not_at_all() {
    Experts.Beside shared =
        new Experts.Beside(
            1, true, Optional.empty(), 1, 14, "mlp.shared_experts.", Optional.empty());
    SmallModel model =
        SmallModel.of("Glm4MoeForCausalLM", 1, DType.F32, SIZES, Extras.NONE)
            .withExperts(new Experts(3, 2, 7, true, false, "mlp.gate").with(shared))
            .withTensor("model.layers.2.eh_proj.weight", DType.F32, 16, 32);
    ModelWork work = ModelWork.of(model, SPEC, DType.F32);
    int attention = 16 * (16 + 8 + 8 + 16);
    int dense = 3 * 16 * 24;
    int router = 3 * 16;
    int sharedExpert = 3 * 16 * 14;
    assertThat(work.layers().elements()).isEqualTo(2 * attention + dense + router + sharedExpert);
    assertThat(work.experts().elements()).isEqualTo(3 * 3 * 16 * 7);
    assertThat(work.used()).isEqualTo(2.0 / 3);
  }

  @Test
  void layers_that_keep_a_state_read_it_and_have_no_keys_and_values() {
    SmallModel model = StatefulModels.apart("Qwen3_5ForCausalLM", 1, DType.F32, 20);
    StateShape states = new StateShape(3, Float.BYTES * (3 * 104 + 6 * 8 * 12));
    ModelSpec spec =
        new ModelSpec(
            "qwen3_5", 20, 512, 4, 0, List.of(new KvShape(2, 16)), states, 1, 1, 0, Bytes.ZERO);
    ModelWork work = ModelWork.of(model, spec, DType.F32);
    assertThat(work.kvBytes()).isEqualTo(2 * 2 * 16 * Float.BYTES);
    assertThat(work.stateBytes()).isEqualTo(states.sequenceBytes());
    assertThat(work.experts().elements()).as("none, but for convolutions").isZero();
  }

  @Test
  void layers_that_attend_to_what_others_have_stored_have_the_last_rows_alone() {
    SmallModel model = SmallModel.of("LlamaForCausalLM", 1, DType.F32, SIZES, Extras.NONE);
    int keysAndValues = 16 * (8 + 8);
    int others = 16 * (16 + 16) + 3 * 16 * 24;
    assertThat(ModelWork.of(model, SPEC, DType.F32).last().others()).isEqualTo(others);
    assertThat(ModelWork.of(model, sharing(1), DType.F32).last().others())
        .isEqualTo(2 * others + keysAndValues);
  }
}
