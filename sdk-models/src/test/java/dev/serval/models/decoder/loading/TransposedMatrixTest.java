package dev.serval.models.decoder.loading;

import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.api.compute.DType;
import dev.serval.api.storage.StoredTensor;
import dev.serval.testkit.models.SmallModel;
import dev.serval.testkit.models.SmallModel.Extras;
import dev.serval.testkit.models.SmallModel.Sizes;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

final class TransposedMatrixTest {
  private static final int ROWS = 12;
  private static final int COLUMNS = 7;

  private static StoredTensor random(DType dtype) {
    Sizes sizes = new Sizes(ROWS, COLUMNS, 4, 1, 1, 1, 2);
    return SmallModel.of("LlamaForCausalLM", 5, dtype, sizes, Extras.NONE)
        .tensor("model.embed_tokens.weight");
  }

  /** Parts of as many rows. */
  private static List<StoredTensor> cut(StoredTensor matrix, int parts) {
    StoredTensor cut = matrix.reshaped(List.of((long) parts, (long) ROWS / parts, (long) COLUMNS));
    return IntStream.range(0, parts).mapToObj(part -> cut.part(part, "part " + part)).toList();
  }

  @ParameterizedTest
  @EnumSource(names = {"F32", "F16", "BF16"})
  void rows_become_columns_in_the_same_type_however_the_matrix_is_cut(DType dtype) {
    StoredTensor matrix = random(dtype);
    for (int parts : new int[] {1, 3, 12}) {
      StoredTensor turned = TransposedMatrix.of(cut(matrix, parts));
      assertThat(turned.name()).isEqualTo("part 0");
      assertThat(turned.dtype()).isEqualTo(dtype);
      assertThat(turned.shape()).containsExactly((long) COLUMNS, (long) ROWS);
      for (int row = 0; row < ROWS; row++) {
        for (int column = 0; column < COLUMNS; column++) {
          assertThat(turned.element(column * ROWS + row))
              .isEqualTo(matrix.element(row * COLUMNS + column));
        }
      }
    }
  }

  @Test
  void some_rows_of_a_matrix_may_be_turned_alone() {
    StoredTensor matrix = random(DType.F32);
    StoredTensor turned = TransposedMatrix.of(cut(matrix, 4).subList(1, 3));
    assertThat(turned.shape()).containsExactly((long) COLUMNS, 6L);
    assertThat(turned.element(0)).isEqualTo(matrix.element(3 * COLUMNS));
    assertThat(turned.element(5)).isEqualTo(matrix.element(8 * COLUMNS));
    assertThat(turned.element(6)).isEqualTo(matrix.element(3 * COLUMNS + 1));
  }
}
