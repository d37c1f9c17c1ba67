package dev.serval.batching;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.serval.api.IsolationScope;
import dev.serval.api.RequestRejectedException;
import dev.serval.api.RequestRejectedException.Reason;
import dev.serval.api.Sampling;
import dev.serval.api.batching.AdmissionPolicy;
import dev.serval.api.batching.EngineLoad;
import dev.serval.api.batching.SequenceRequest;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

final class GateTest {
  private static final AdmissionPolicy ANYBODY = (request, load) -> Optional.empty();

  private final Gate gate = new Gate("g", 10);
  private final SequenceRequest request =
      new SequenceRequest(
          "s", new int[] {1}, 1, Sampling.GREEDY, 0, -1, Set.of(), 0, IsolationScope.HOST);

  @Test
  void sequences_are_counted_wherever_they_are() {
    gate.enter(request, ANYBODY);
    gate.enter(request, ANYBODY);
    gate.enter(request, ANYBODY);
    assertThat(gate.load()).isEqualTo(new EngineLoad(3, 0, 10, 10));
    gate.began();
    gate.began();
    gate.freeBlocks(4);
    assertThat(gate.load()).isEqualTo(new EngineLoad(1, 2, 4, 10));
    gate.gaveWay();
    assertThat(gate.load()).isEqualTo(new EngineLoad(2, 1, 4, 10));
    gate.ended(true);
    gate.ended(false);
    assertThat(gate.isEmpty()).isFalse();
    gate.ended(false);
    assertThat(gate.isEmpty()).isTrue();
  }

  @Test
  void a_policy_is_asked_again_when_somebody_came_in_meanwhile() {
    AtomicInteger asked = new AtomicInteger();
    AdmissionPolicy oneAtATime = AdmissionPolicies.maxWaiting(1);
    AdmissionPolicy slow =
        (waiting, load) -> {
          if (asked.incrementAndGet() == 1) {
            gate.enter(waiting, oneAtATime);
          }
          return oneAtATime.refusal(waiting, load);
        };
    assertThatThrownBy(() -> gate.enter(request, slow))
        .isInstanceOf(RequestRejectedException.class);
    assertThat(asked).hasValue(2);
    assertThat(gate.load().waiting()).isEqualTo(1);
  }

  @Test
  void nobody_comes_in_once_it_is_shut() {
    gate.enter(request, ANYBODY);
    gate.shut();
    gate.shut();
    RequestRejectedException refusal =
        catchThrowableOfType(RequestRejectedException.class, () -> gate.enter(request, ANYBODY));
    assertThat(refusal.reason()).isEqualTo(Reason.CLOSING);
    assertThat(refusal).hasMessageContaining("engine g is closing").hasNoCause();
    assertThat(gate.load()).isEqualTo(new EngineLoad(1, 0, 10, 10));
    gate.began();
    gate.ended(true);
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
                }))
        .hasMessageContaining("closing");
    assertThat(gate.isEmpty()).isTrue();
  }
}
