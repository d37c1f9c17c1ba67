package dev.serval.batching;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.serval.api.RequestRejectedException;
import dev.serval.api.RequestRejectedException.Reason;
import dev.serval.api.batching.AdmissionPolicy;
import dev.serval.api.batching.EngineLoad;
import dev.serval.api.batching.SequenceRequest;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

final class GateTest {
  private static final AdmissionPolicy ANYBODY = (request, load) -> Optional.empty();

  private final Gate gate = new Gate("g", 10);
  private final SequenceRequest request = SequenceRequest.of("s", new int[] {1}, 1);

  private EngineLoad counts() {
    return DrivenEngine.counts(gate.load());
  }

  @Test
  void sequences_are_counted_wherever_they_are() {
    gate.enter(request, ANYBODY, 0);
    gate.enter(request, ANYBODY, 0);
    gate.enter(request, ANYBODY, 0);
    assertThat(counts()).isEqualTo(new EngineLoad(3, 0, 10, 10));
    gate.began(2, 1);
    gate.began(2, 1);
    gate.freeBlocks(4);
    assertThat(counts()).isEqualTo(new EngineLoad(1, 2, 4, 10));
    gate.gaveWay(2, 1);
    assertThat(counts()).isEqualTo(new EngineLoad(2, 1, 4, 10));
    gate.endedRunning();
    gate.endedWaiting(2, 1);
    assertThat(gate.isEmpty()).isFalse();
    gate.endedWaiting(2, 1);
    assertThat(gate.isEmpty()).isTrue();
  }

  @Test
  void a_policy_is_asked_again_when_somebody_came_in_meanwhile() {
    AtomicInteger asked = new AtomicInteger();
    AdmissionPolicy oneAtATime = AdmissionPolicies.maxWaiting(1);
    AdmissionPolicy slow =
        (waiting, load) -> {
          if (asked.incrementAndGet() == 1) {
            gate.enter(request, oneAtATime, 0);
          }
          return oneAtATime.refusal(waiting, load);
        };
    assertThatThrownBy(() -> gate.enter(request, slow, 0))
        .isInstanceOf(RequestRejectedException.class);
    assertThat(asked).hasValue(2);
    assertThat(gate.load().waiting()).isEqualTo(1);
  }

  @Test
  void nobody_comes_in_once_it_is_shut() {
    gate.enter(request, ANYBODY, 0);
    gate.shut();
    gate.shut();
    RequestRejectedException refusal =
        catchThrowableOfType(RequestRejectedException.class, () -> gate.enter(request, ANYBODY, 0));
    assertThat(refusal.reason()).isEqualTo(Reason.CLOSING);
    assertThat(refusal).hasMessageContaining("engine g is closing").hasNoCause();
    assertThat(counts()).isEqualTo(new EngineLoad(1, 0, 10, 10));
    gate.began(2, 1);
    gate.endedRunning();
    assertThat(gate.isEmpty()).isTrue();
  }

  @Test
  void nobody_comes_in_when_it_is_shut_while_the_policy_thinks() {
    assertThatThrownBy(() ->
            gate.enter(
                request,
                (waiting, load) -> {
                  gate.shut();
                  return Optional.empty();
                },
                0))
        .hasMessageContaining("closing");
    assertThat(gate.isEmpty()).isTrue();
  }
}
