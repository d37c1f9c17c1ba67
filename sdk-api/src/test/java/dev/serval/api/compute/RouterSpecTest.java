package dev.serval.api.compute;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import dev.serval.api.compute.RouterSpec.GroupScore;
import dev.serval.api.compute.RouterSpec.Groups;
import dev.serval.api.compute.RouterSpec.Scoring;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;

final class RouterSpecTest {
  private record Map(int rows, int columns, DType dtype) implements Weight {}

  private static RouterSpec of(int experts, Groups groups, int used) {
    Map map = new Map(experts, 4, DType.F32);
    return new RouterSpec(map, null, Scoring.SIGMOID, null, null, groups, used, true, 1);
  }

  private static void refused(ThrowingCallable made, String... words) {
    assertThatIllegalArgumentException().isThrownBy(made).withMessageContainingAll(words);
  }

  @Test
  void groups_are_equal_and_hold_the_experts_that_a_row_goes_to() {
    Groups two = new Groups(4, 2, GroupScore.TWO_HIGHEST);
    assertThat(of(8, two, 4).groups()).isEqualTo(two);
    refused(() -> of(8, two, 5), "1 to 4 experts", "2 groups", "not 5");
    refused(() -> of(9, two, 2), "9 experts", "4 equal groups");
    refused(() -> of(4, two, 2), "2 or more, not 1");
    assertThat(of(4, new Groups(4, 2, GroupScore.HIGHEST), 2).groups()).isNotNull();
    refused(() -> new Groups(4, 5, GroupScore.HIGHEST), "1 to 4 groups, not 5");
    refused(() -> new Groups(4, 0, GroupScore.HIGHEST), "1 to 4 groups, not 0");
    refused(() -> of(8, two, 9), "1 to 8 experts, not 9");
  }

  @Test
  void groups_that_leave_no_expert_out_are_none() {
    assertThat(of(8, new Groups(4, 4, GroupScore.TWO_HIGHEST), 5).groups()).isNull();
    assertThat(of(1, new Groups(1, 1, GroupScore.TWO_HIGHEST), 1).groups()).isNull();
  }

  @Test
  void ranks_are_products_unless_something_is_added_to_scores() {
    Weight map = new Map(8, 4, DType.F32);
    assertThat(RouterSpec.softmax(map, null, 2, true, 1).ranksByScores()).isFalse();
    assertThat(of(8, new Groups(4, 2, GroupScore.HIGHEST), 2).ranksByScores()).isFalse();
    assertThat(of(8, new Groups(4, 2, GroupScore.TWO_HIGHEST), 2).ranksByScores()).isTrue();
    Weight bias = new Map(1, 8, DType.F32);
    assertThat(new RouterSpec(map, null, Scoring.SIGMOID, bias, 2, true, 1).ranksByScores())
        .isTrue();
  }
}
