package dev.serval.batching;

import dev.serval.api.InvalidRequestException;
import dev.serval.api.InvalidRequestException.Reason;
import dev.serval.api.batching.AdmissionPolicy;
import dev.serval.api.batching.Applicant;
import dev.serval.api.batching.Engine;
import dev.serval.api.batching.EngineLoad;
import dev.serval.api.batching.EngineSequence;
import dev.serval.api.batching.SequenceRequest;
import dev.serval.api.batching.TokenSink;
import java.util.concurrent.ThreadFactory;
import java.util.function.LongSupplier;

/**
 * An engine whose sequences join and leave between steps: each step computes one token of every
 * sequence that decodes, and as much of the others' prefill as the policies let in beside them.
 *
 * <p>A sequence that could never run is refused on the caller's thread, as is one that the
 * admission policy does not let wait. Whatever is let in hears its end exactly once, also when it
 * fails, when the engine fails, and when the engine is closed. A sink that throws fails its own
 * sequence; an executor that throws fails the sequences of its step; a policy that throws fails all
 * sequences there are. The engine lives on after each of these. What it cannot survive is being
 * wrong about its own state: then it fails every sequence and takes no more, saying why.
 */
public final class ContinuousBatchingEngine implements Engine {
  /*
   * The loop, after Orca (Yu et al., OSDI 2022, https://www.usenix.org/conference/osdi22/presentation/yu)
   * and, for prefill in chunks beside decodes, Sarathi-Serve (Agrawal et al., OSDI 2024,
   * https://arxiv.org/abs/2403.02310):
   *
   *     callers ─▶ Gate ─▶ Inbox ─▶ StepLoop: receive ─▶ plan ─▶ execute ─▶ deliver ─▶ sinks
   *                                            Roster  BatchPlanner  ModelExecutor  TokenDelivery
   *
   * There are no phases. A sequence has `computed` tokens that chase its `total` tokens; a prompt, a
   * prompt whose beginning was found in the cache, a sequence that had to give way and one that
   * decodes differ in nothing but how far apart the two are.
   *
   * Threads. Everything behind the inbox belongs to the engine's thread and is plain memory: no
   * locks, no atomics in a step. Callers touch three things only:
   *
   *   the gate    one atomic tally of who waits and who runs, and whether it is shut. A caller is
   *               let in by changing that very tally, so every bound is exact, and after it is shut
   *               the counts tell how many are still to end;
   *   the handle  an atomic set of wishes (submit, cancel, resume), which puts itself into the inbox
   *               when the set was empty. So the inbox is bounded by the gate, and a cancellation
   *               costs a caller two atomic operations whether or not the sequence lives;
   *   the inbox   a stack taken whole, and the hand-shake by which the engine sleeps.
   *
   * A resumption that overtakes the pause it answers lies in the handle until the pause has taken
   * effect; one that was there before the sink was even asked is stale, and dropped.
   *
   * A step that nothing joins, leaves or fills allocates nothing: batch, plan and drawn tokens are
   * reused, a sequence's tokens grow in large pieces, stop tokens are searched as ints.
   */

  private final AdmissionPolicy admission;
  private final LongSupplier clock;
  private final int contextLength;
  private final int maxSequenceTokens;
  private final int vocabulary;
  private final Gate gate;
  private final Inbox inbox = new Inbox();
  private final StepLoop loop;
  private final Thread thread;

  /** An engine whose thread is not started yet; whoever drives {@link #loop()} is its thread. */
  ContinuousBatchingEngine(EngineOptions options) {
    admission = options.policies().admission();
    clock = options.nanoClock();
    contextLength = options.contextLength();
    maxSequenceTokens = options.maxSequenceTokens();
    vocabulary = options.executor().spec().vocabulary();
    gate = new Gate(options.name(), options.cache().totalBlocks());
    loop = new StepLoop(options, inbox, gate);
    thread = thread(options.threads(), this::run, options.name());
  }

  /**
   * Starts an engine.
   *
   * @param options what it is made of
   * @return the engine, ready to take sequences
   */
  public static Engine start(EngineOptions options) {
    ContinuousBatchingEngine engine = new ContinuousBatchingEngine(options);
    engine.thread.start();
    return engine;
  }

  private static Thread thread(ThreadFactory threads, Runnable body, String name) {
    Thread thread = threads.newThread(body);
    if (thread == null) {
      throw new IllegalArgumentException("the thread factory gives engine " + name + " no thread");
    }
    thread.setName("serval-" + name);
    return thread;
  }

  private void run() {
    try {
      while (!inbox.isClosed()) {
        if (!loop.work()) {
          inbox.await(untilNextDeadline());
        }
      }
      loop.end(null);
    } catch (RuntimeException | Error e) {
      CarefulListener.report(e);
      fail(e);
    }
  }

  private long untilNextDeadline() {
    long next = loop.nextDeadline();
    return next == Long.MAX_VALUE ? next : Math.max(0, next - clock.getAsLong());
  }

  StepLoop loop() {
    return loop;
  }

  /** Ends every sequence, and takes no more; called on the engine's thread, whoever that is. */
  void fail(Throwable failure) {
    gate.shut(failure);
    loop.end(failure);
  }

  @Override
  public EngineSequence submit(SequenceRequest request, TokenSink sink) {
    refuseImpossible(request);
    Sequence sequence = sequence(request, sink);
    gate.enter(request, admission, sequence.submittedNanos());
    sequence.handle().submit();
    return sequence.handle();
  }

  @Override
  public EngineSequence submitFurther(SequenceRequest request, TokenSink sink) {
    refuseImpossible(request);
    Sequence sequence = sequence(request, sink);
    gate.enterFurther(request, sequence.submittedNanos());
    sequence.handle().submit();
    return sequence.handle();
  }

  private Sequence sequence(SequenceRequest request, TokenSink sink) {
    return new Sequence(request, sink, inbox, mostTokens(request), clock.getAsLong());
  }

  @Override
  public void requireAdmission(Applicant applicant) {
    gate.require(applicant, admission, clock.getAsLong());
  }

  private int mostTokens(SequenceRequest request) {
    return (int) Math.min((long) request.prompt().length + request.maxTokens(), maxSequenceTokens);
  }

  private void refuseImpossible(SequenceRequest request) {
    int[] prompt = request.prompt();
    if (prompt.length >= maxSequenceTokens) {
      throw new InvalidRequestException(
          Reason.CONTEXT_LENGTH,
          "prompt",
          "the prompt has %d tokens, but %s holds %d tokens of prompt and completion together"
              .formatted(
                  prompt.length,
                  maxSequenceTokens == contextLength ? "the model's context" : "the KV cache",
                  maxSequenceTokens));
    }
    for (int token : prompt) {
      if (token < 0 || token >= vocabulary) {
        throw new InvalidRequestException(
            "prompt",
            "the prompt's token id %d is not among the model's 0 to %d"
                .formatted(token, vocabulary - 1));
      }
    }
  }

  @Override
  public int maxSequenceTokens() {
    return maxSequenceTokens;
  }

  @Override
  public EngineLoad load() {
    return gate.load();
  }

  @Override
  public void drain() {
    gate.shut();
  }

  @Override
  public void close() {
    gate.shut();
    inbox.close();
    if (Thread.currentThread() != thread) {
      ThreadEnd.await(thread);
    }
  }
}
