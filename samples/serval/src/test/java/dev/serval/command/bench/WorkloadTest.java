package dev.serval.command.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

final class WorkloadTest {
  private static final int[] VOCABULARY = {7, 8, 9};

  @Test
  void lengths_are_drawn_from_all_of_the_mix() {
    LengthMix mix = new LengthMix(List.of(10, 200), 0.1);

    Set<Integer> drawn =
        new Random(1)
            .ints(2_000)
            .mapToObj(i -> mix.draw(new Random(i)))
            .collect(Collectors.toSet());

    assertThat(drawn).contains(9, 10, 11, 180, 200, 220).allMatch(l -> l <= 11 || l >= 180);
  }

  @Test
  void without_a_spread_lengths_are_exact() {
    assertThat(new LengthMix(List.of(64), 0).draw(new Random(1))).isEqualTo(64);
  }

  @Test
  void a_length_of_nothing_and_a_spread_of_everything_are_refused() {
    assertThatThrownBy(() -> new LengthMix(List.of(0), 0)).hasMessageContaining("[0]");
    assertThatThrownBy(() -> new LengthMix(List.of(5), 1)).hasMessageContaining("1.0");
  }

  @Test
  void prompts_share_their_prefix_and_nothing_else() {
    Workload.Shape shape =
        new Workload.Shape(2, 10, 4, new LengthMix(List.of(30), 0), new LengthMix(List.of(5), 0));

    List<Workload.Request> requests = Workload.draw(shape, VOCABULARY, new Random(6)).requests();

    List<Integer> one = requests.get(0).prompt();
    List<Integer> two = requests.get(1).prompt();
    assertThat(one).hasSize(34).isSubsetOf(7, 8, 9);
    assertThat(one.subList(0, 4)).isEqualTo(two.subList(0, 4));
    assertThat(one.subList(4, 34)).isNotEqualTo(two.subList(4, 34));
    assertThat(requests).extracting(Workload.Request::outputTokens).containsOnly(5);
  }
}
