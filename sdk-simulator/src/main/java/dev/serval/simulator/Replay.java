package dev.serval.simulator;

import dev.serval.api.InvalidRequestException;
import dev.serval.api.RequestRejectedException;
import dev.serval.api.Sampling;
import dev.serval.api.batching.SequenceOutcome;
import dev.serval.api.batching.SequenceRequest;
import dev.serval.api.cache.KvLayout;
import dev.serval.api.compute.DType;
import dev.serval.api.storage.ArtefactDigest;
import dev.serval.batching.EngineOptions;
import dev.serval.batching.SteppedEngine;
import dev.serval.cache.PagedKvCache;
import java.time.Duration;
import java.util.Random;
import org.jspecify.annotations.Nullable;

/** One run of a simulation, from the first arrival to the last end. */
final class Replay {
  /*
   * Time passes in two places. While nothing can run, the clock jumps to the next arrival. While the
   * executor "computes", it jumps to each arrival of that span and then to the step's end: requests
   * are submitted at the very moment the trace says, in the middle of steps, as callers on other
   * threads would do it; the engine takes them in before its next step. Planning, sampling and
   * delivery take no time.
   *
   * Everything happens on the caller's thread, and nothing that is not a parameter is asked: no
   * clock, no thread, no identity hash, no order of a hash table. So a seed decides every step.
   */

  private final Simulation simulation;
  private final Trace trace;
  private final VirtualClock clock = new VirtualClock();
  private final StepLog log = new StepLog();
  private final Groups groups = new Groups();
  private final TracePrompts prompts;
  private final CostedModel model;
  private final PagedKvCache cache;
  private final SteppedEngine engine;
  private int next;
  private long firstComputations;
  private @Nullable Throwable failure;

  Replay(Simulation simulation) {
    this.simulation = simulation;
    trace = simulation.trace();
    prompts = new TracePrompts(trace.hashTokens());
    model =
        new CostedModel(
            simulation.costs(),
            simulation.jitter(),
            new Random(simulation.seed()),
            clock,
            this::passTime,
            log);
    cache =
        new PagedKvCache(
            new KvLayout(1, 1, 1, simulation.blockTokens(), DType.F32),
            simulation.blocks(),
            ArtefactDigest.of(new byte[ArtefactDigest.LENGTH]),
            model.numerics(),
            simulation.prefixReuse());
    engine = SteppedEngine.of(options());
  }

  private EngineOptions options() {
    return new EngineOptions(
        "simulated",
        model,
        cache,
        simulation.limits(),
        Integer.MAX_VALUE,
        simulation.policies(),
        simulation.listener(),
        clock::nanos,
        Thread.ofPlatform()::unstarted);
  }

  VirtualClock clock() {
    return clock;
  }

  Groups groups() {
    return groups;
  }

  SimulationReport run() {
    try (engine) {
      boolean more = true;
      while (more) {
        more = engine.step() || waitForArrival();
      }
    }
    if (failure != null) {
      throw new SimulationException("a request failed: " + failure, failure);
    }
    return report();
  }

  private boolean waitForArrival() {
    if (next == trace.requests().size()) {
      return false;
    }
    passTime(Math.max(clock.nanos(), arrival(next)));
    return true;
  }

  /** Lets time pass until a moment, and whoever arrives until then submit. */
  private void passTime(long until) {
    while (next < trace.requests().size() && arrival(next) <= until) {
      clock.set(Math.max(clock.nanos(), arrival(next)));
      submit(next++);
    }
    clock.set(until);
  }

  private long arrival(int number) {
    return trace.requests().get(number).arrival().toNanos();
  }

  private void submit(int number) {
    TracedRequest request = trace.requests().get(number);
    groups.tell(request, GroupMeter::arrived);
    boolean admitted = true;
    try {
      engine.submit(sequence(request, number), new SimulatedReader(this, request, number));
    } catch (RequestRejectedException | InvalidRequestException e) {
      admitted = false;
      groups.tell(request, GroupMeter::refused);
    }
    log.arrival(number, clock.nanos(), admitted);
  }

  private SequenceRequest sequence(TracedRequest request, int number) {
    int limit = Math.max(request.outputTokens(), simulation.answerLimit());
    return SequenceRequest.builder("request-" + number, prompts.prompt(request, number), limit)
        .sampling(Sampling.GREEDY, number)
        .priority(request.priority())
        .terms(simulation.terms(request))
        .explained(simulation.explained())
        .build();
  }

  void ended(TracedRequest request, int number, SequenceOutcome outcome) {
    if (outcome.failure() != null && failure == null) {
      failure = outcome.failure();
    }
    groups.tell(request, meter -> meter.ended(outcome));
    firstComputations +=
        outcome.promptTokens() - outcome.cachedPromptTokens() + outcome.generatedTokens() - 1;
    log.end(number, outcome);
  }

  private SimulationReport report() {
    return new SimulationReport(
        groups.all(),
        groups.classes(),
        groups.tenants(),
        Duration.ofNanos(clock.nanos()),
        model.steps(),
        model.tokens(),
        Math.max(0, model.tokens() - firstComputations),
        cache.totalBlocks() - cache.freeBlocks(),
        log.hash());
  }
}
