package dev.serval.storage.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.serval.api.compute.DType;
import dev.serval.api.storage.StoredTensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class MadeBytesTest {
  private final List<String> made = new ArrayList<>();

  /** Each byte is where it is. */
  private StoredTensor tensor(long rows, long columns) {
    MadeBytes bytes =
        new MadeBytes(
            2 * rows * columns,
            (from, to) -> {
              made.add("%d from %d".formatted(to.byteSize(), from));
              for (long i = 0; i < to.byteSize(); i++) {
                to.set(ValueLayout.JAVA_BYTE, i, (byte) (from + i));
              }
            });
    return new StoredTensor("w", DType.F16, List.of(rows, columns), bytes, Optional.empty());
  }

  @ParameterizedTest
  @ValueSource(longs = {4, 200_000})
  void bytes_are_made_once_when_they_are_asked_for(long columns) {
    StoredTensor tensor = tensor(3, columns);
    assertThat(tensor.byteSize()).isEqualTo(6 * columns);
    assertThat(tensor.reshaped(List.of(columns, 3L)).elements()).isEqualTo(3 * columns);
    assertThat(made).isEmpty();

    MemorySegment data = tensor.data();
    assertThat(tensor.data()).isSameAs(data);
    assertThat(data.isReadOnly()).isTrue();
    assertThat(data.get(ValueLayout.JAVA_BYTE, 6 * columns - 1))
        .isEqualTo((byte) (6 * columns - 1));
    assertThat(made).containsExactly(6 * columns + " from 0");
  }

  @Test
  void a_part_makes_no_others() {
    StoredTensor part = tensor(3, 4).part(2, "last");
    assertThat(part.source().slice(2, 4).bytes().toArray(ValueLayout.JAVA_BYTE))
        .containsExactly(18, 19, 20, 21);
    assertThat(part.data().toArray(ValueLayout.JAVA_BYTE))
        .containsExactly(16, 17, 18, 19, 20, 21, 22, 23);
    assertThat(made).containsExactly("4 from 18", "8 from 16");
  }

  @Test
  void what_is_beyond_the_end_is_refused() {
    StoredTensor tensor = tensor(3, 4);
    assertThatThrownBy(() -> tensor.source().slice(20, 5))
        .isInstanceOf(IndexOutOfBoundsException.class);
    assertThat(made).isEmpty();
  }
}
