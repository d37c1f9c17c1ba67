package dev.serval.batching;

import static dev.serval.batching.SequenceState.ENDED;
import static dev.serval.batching.SequenceState.PAUSED;
import static dev.serval.batching.SequenceState.RUNNING;
import static dev.serval.batching.SequenceState.SHELVED;
import static dev.serval.batching.SequenceState.WAITING;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.serval.api.batching.SequenceRequest;
import dev.serval.testkit.CollectingSink;
import java.util.EnumSet;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

final class SequenceStateTest {
  private static final Map<SequenceState, Set<SequenceState>> ALLOWED =
      Map.of(
          WAITING, EnumSet.of(RUNNING, ENDED),
          RUNNING, EnumSet.of(WAITING, PAUSED, ENDED),
          PAUSED, EnumSet.of(RUNNING, SHELVED, ENDED),
          SHELVED, EnumSet.of(WAITING, ENDED),
          ENDED, EnumSet.noneOf(SequenceState.class));

  /** How to get into each state. */
  private static final Map<SequenceState, SequenceState[]> PATHS =
      Map.of(
          WAITING,
          new SequenceState[] {},
          RUNNING,
          new SequenceState[] {RUNNING},
          PAUSED,
          new SequenceState[] {RUNNING, PAUSED},
          SHELVED,
          new SequenceState[] {RUNNING, PAUSED, SHELVED},
          ENDED,
          new SequenceState[] {ENDED});

  @ParameterizedTest
  @EnumSource
  void a_state_leads_where_it_may_and_nowhere_else(SequenceState state) {
    for (SequenceState next : SequenceState.values()) {
      Sequence sequence = sequenceIn(state);
      if (ALLOWED.get(state).contains(next)) {
        sequence.become(next);
        assertThat(sequence.state()).isEqualTo(next);
      } else {
        assertThatThrownBy(() -> sequence.become(next))
            .hasMessage("sequence s is " + state + " and cannot become " + next);
        assertThat(sequence.state()).isEqualTo(state);
      }
    }
  }

  private static Sequence sequenceIn(SequenceState state) {
    SequenceRequest request = SequenceRequest.of("s", new int[] {1}, 1);
    Sequence sequence = new Sequence(request, new CollectingSink(), new Inbox(), 2, 0);
    for (SequenceState step : PATHS.get(state)) {
      sequence.become(step);
    }
    return sequence;
  }
}
