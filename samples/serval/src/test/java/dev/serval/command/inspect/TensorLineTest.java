package dev.serval.command.inspect;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;

final class TensorLineTest {
  private static TensorLine line(String name, String type) {
    return new TensorLine(name, type, List.of(3L, 2L), 6, 24);
  }

  @Test
  void experts_that_have_the_same_tensor_share_a_line() {
    List<TensorLine> tensors =
        List.of(
            line("model.layers.0.mlp.experts.0.down_proj.weight", "F32"),
            line("model.layers.0.mlp.experts.0.up_proj.weight", "F32"),
            line("model.layers.0.mlp.experts.1.down_proj.weight", "F32"),
            line("model.layers.0.mlp.experts.1.up_proj.weight", "BF16"),
            line("model.layers.1.mlp.experts.0.down_proj.weight", "F32"));

    assertThat(TensorLine.together(tensors))
        .containsExactly(
            new TensorLine(
                "model.layers.0.mlp.experts.*.down_proj.weight",
                "F32",
                List.of(2L, 3L, 2L),
                12,
                48),
            tensors.get(1),
            tensors.get(3),
            tensors.get(4));
  }
}
