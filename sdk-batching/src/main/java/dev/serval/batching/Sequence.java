package dev.serval.batching;

import dev.serval.api.FinishReason;
import dev.serval.api.IsolationScope;
import dev.serval.api.ServiceLevel;
import dev.serval.api.Tenant;
import dev.serval.api.batching.DraftedSequence;
import dev.serval.api.batching.SequenceOutcome;
import dev.serval.api.batching.SequenceRequest;
import dev.serval.api.batching.TokenSink;
import dev.serval.api.cache.KvCache;
import dev.serval.api.cache.KvDemand;
import dev.serval.api.cache.KvSequence;
import dev.serval.api.model.ModelExecutor;
import dev.serval.api.model.SampledToken;
import dev.serval.api.model.TokenSampler;
import java.util.Arrays;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** A sequence and all that its engine knows of it. Belongs to the engine's thread. */
final class Sequence implements DraftedSequence {
  private static final int[] NONE = {};
  private static final int LEAST_GROWTH = 512;

  private final SequenceRequest request;
  private final TokenSink sink;
  private final SequenceHandle handle;
  private final int[] stopTokens;
  private final long stopBits;
  private final double weight;
  private final int promptTokens;
  private final int mostTokens;
  private final long submittedNanos;
  private final SampledToken drawn;
  private final Guesses guesses = new Guesses();

  private SequenceState state = SequenceState.WAITING;
  private long arrival;
  private long pausedSince;
  private int[] tokens;
  private int total;
  private int computed;
  private int place = Holders.NOWHERE;
  private int blocksToBegin;
  private int preemptions;
  private @Nullable KvSequence kv;
  private @Nullable TokenSampler sampler;

  private boolean begun;
  private int cachedPromptTokens;
  private long firstStepNanos;
  private long firstTokenNanos;
  private long lastTokenNanos;
  private final long deadlineNanos;
  private final int rank;
  private final long tpotNanos;
  private long waitingSinceNanos;
  private int backlog;
  private TenantAccounts.@Nullable Account account;
  private @Nullable TimelineRecorder recorder;

  /** Made by the caller, who then hands it over. */
  Sequence(
      SequenceRequest request, TokenSink sink, Inbox inbox, int mostTokens, long submittedNanos) {
    this.request = request;
    this.sink = sink;
    this.mostTokens = mostTokens;
    this.submittedNanos = submittedNanos;
    handle = new SequenceHandle(this, inbox);
    stopTokens = request.stopTokens().stream().mapToInt(Integer::intValue).sorted().toArray();
    stopBits = bits(stopTokens);
    weight = request.terms().tenant().weight();
    drawn = new SampledToken(Math.max(request.alternatives(), 0));
    tokens = request.prompt();
    promptTokens = tokens.length;
    total = promptTokens;
    lastTokenNanos = submittedNanos;
    waitingSinceNanos = submittedNanos;
    rank = request.terms().level().rank();
    tpotNanos = request.terms().level().tpotNanos();
    long deadline = request.terms().deadlineNanos();
    deadlineNanos = deadline == Long.MAX_VALUE ? deadline : submittedNanos + deadline;
  }

  /** A token of which the bit is not set, by its lowest six, is none of these. */
  private static long bits(int[] tokens) {
    long bits = 0;
    for (int token : tokens) {
      bits |= 1L << token;
    }
    return bits;
  }

  void explainBy(TimelineRecorder writer) {
    recorder = writer;
  }

  /** Writes down where its time goes; null if nobody asked, or it has ended. */
  @Nullable TimelineRecorder recorder() {
    return recorder;
  }

  SequenceHandle handle() {
    return handle;
  }

  TokenSink sink() {
    return sink;
  }

  SampledToken drawn() {
    return drawn;
  }

  SequenceState state() {
    return state;
  }

  boolean isRunning() {
    return state == SequenceState.RUNNING;
  }

  void become(SequenceState next) {
    if (!state.mayBecome(next)) {
      throw new IllegalStateException(
          "sequence " + id() + " is " + state + " and cannot become " + next);
    }
    if (recorder != null) {
      recorder.became(state, next, computed);
    }
    state = next;
  }

  void arrive(long number, TenantAccounts.Account payer) {
    arrival = number;
    account = payer;
  }

  /** The rank of its class. */
  int rank() {
    return rank;
  }

  /** The target between its tokens, or {@link Long#MAX_VALUE}. */
  long tpotNanos() {
    return tpotNanos;
  }

  boolean hasArrived() {
    return account != null;
  }

  SequenceRequest request() {
    return request;
  }

  /** Its tenant's account; the caller knows that it has arrived. */
  TenantAccounts.Account account() {
    return Objects.requireNonNull(account);
  }

  void waitsSince(long nowNanos) {
    waitingSinceNanos = nowNanos;
  }

  /** What of its prefill was told to the gate. */
  int backlog() {
    return backlog;
  }

  void backlog(int tokens) {
    backlog = tokens;
  }

  /** The tokens of an unfinished prefill. */
  int unfinishedPrefill() {
    int outstanding = outstanding();
    return outstanding > 1 || generated() == 0 ? outstanding : 0;
  }

  long pausedSince() {
    return pausedSince;
  }

  void pausedSince(long number) {
    pausedSince = number;
  }

  @Override
  public int[] tokens() {
    return tokens;
  }

  @Override
  public int[] prediction() {
    return request.prediction();
  }

  /** How many tokens are still to be computed. */
  int outstanding() {
    return total - computed;
  }

  /** Where it stands among those that hold blocks, or {@link Holders#NOWHERE}. */
  int place() {
    return place;
  }

  void takePlace(int number) {
    place = number;
  }

  KvSequence kv(KvCache cache) {
    if (kv == null) {
      kv = cache.open(request.scope());
    }
    return kv;
  }

  KvSequence kv() {
    if (kv == null) {
      throw new IllegalStateException("sequence " + id() + " has held no block yet");
    }
    return kv;
  }

  /** Makes room for all of its tokens in blocks, and says whether it has it. */
  boolean reserve() {
    return kv().reserve(total);
  }

  /** The blocks that it needs if its answer goes to its limit. */
  int mostBlocks(KvDemand demand) {
    return demand.blocks(mostTokens);
  }

  /** How many more tokens it has room for in its blocks; any number while it holds none. */
  int room() {
    return place == Holders.NOWHERE ? Integer.MAX_VALUE : kv().room() - computed;
  }

  /** The free blocks it lacked last time it was to begin; 0 if it was not tried yet. */
  int blocksToBegin() {
    return blocksToBegin;
  }

  void blocksToBegin(int blocks) {
    blocksToBegin = blocks;
  }

  /** It holds blocks now, and this many of its tokens were found in them. */
  void found(int count) {
    computed = count;
    blocksToBegin = 0;
    if (!begun) {
      cachedPromptTokens = count;
    }
  }

  /** Takes part in a step, and says whether it is its first. */
  boolean begin(long nowNanos) {
    if (begun) {
      return false;
    }
    begun = true;
    firstStepNanos = nowNanos;
    return true;
  }

  /** Its tenant pays for its prompt, once. */
  void chargePrompt() {
    TenantAccounts.chargePrompt(account(), promptTokens(), cachedPromptTokens, weight);
  }

  /** So many more tokens are computed. */
  void advance(int count) {
    computed += count;
    kv().commit(tokens, computed);
  }

  /** A drafted token is its next one, and computed already. */
  void accept() {
    advance(1);
    if (recorder != null) {
      recorder.accepted();
    }
  }

  /** How its guesses have been of late. */
  Guesses guesses() {
    return guesses;
  }

  /** Writes so many guesses behind its tokens, for which there is room. */
  void draft(int[] draft, int count) {
    makeRoom(count);
    System.arraycopy(draft, 0, tokens, total, count);
  }

  /** Whether the guess that lies behind its tokens is this one. */
  boolean guessed(int token) {
    return tokens[total] == token;
  }

  private void makeRoom(int count) {
    if (total + count > tokens.length) {
      int most = Math.max(total, LEAST_GROWTH);
      tokens = Arrays.copyOf(tokens, Math.min(mostTokens, total + Math.max(count, most)));
    }
  }

  /**
   * Who draws its tokens: made once, and if it cannot be, what fails the sequence when it draws.
   */
  TokenSampler sampler(ModelExecutor executor) {
    TokenSampler made = sampler;
    if (made == null) {
      made = newSampler(executor);
      sampler = made;
    }
    return made;
  }

  private TokenSampler newSampler(ModelExecutor executor) {
    try {
      return executor.sampler(
          request.sampling(), request.seed(), request.prompt(), request.alternatives());
    } catch (RuntimeException | Error e) {
      return (logits, row, out) -> {
        throw e;
      };
    }
  }

  /** Who draws its tokens; null before the first is to be drawn. */
  @Nullable TokenSampler samplerIfAny() {
    return sampler;
  }

  /** Appends a token, and gives the time since the one before it. */
  long append(int token, long nowNanos) {
    makeRoom(1);
    tokens[total++] = token;
    TenantAccounts.chargeGenerated(account(), weight);
    if (generated() == 1) {
      firstTokenNanos = nowNanos;
    }
    long since = nowNanos - lastTokenNanos;
    lastTokenNanos = nowNanos;
    return since;
  }

  int generated() {
    return total - promptTokens;
  }

  boolean stopsAt(int token) {
    return (stopBits >>> token & 1) != 0 && Arrays.binarySearch(stopTokens, token) >= 0;
  }

  /** Loses its blocks; what it does not find again is computed again. */
  void giveUpBlocks() {
    computed = 0;
    kv().suspend();
  }

  /** Whether it is of a lower class than another one, or of the same and came later. */
  boolean isBelow(Sequence other) {
    int below = Integer.compare(rank(), other.rank());
    return below != 0 ? below > 0 : arrival > other.arrival;
  }

  /** Whether it stands lower than a rank. */
  boolean yieldsTo(int other) {
    return rank > other;
  }

  void countPreemption() {
    preemptions++;
  }

  /** Has ended: lets go of all that its handle would keep alive. */
  void forget() {
    tokens = NONE;
    sampler = null;
    KvSequence held = kv;
    kv = null;
    if (held != null) {
      held.release();
    }
  }

  SequenceOutcome outcome(FinishReason reason, @Nullable Throwable failure, long nowNanos) {
    TimelineRecorder writer = recorder;
    recorder = null;
    return new SequenceOutcome(
        reason,
        failure,
        promptTokens(),
        cachedPromptTokens,
        generated(),
        preemptions,
        guesses.drafted(),
        guesses.accepted(),
        submittedNanos,
        begun ? firstStepNanos : nowNanos,
        generated() > 0 ? firstTokenNanos : nowNanos,
        nowNanos,
        writer == null ? null : writer.end(nowNanos));
  }

  @Override
  public String id() {
    return request.id();
  }

  @Override
  public long submittedNanos() {
    return submittedNanos;
  }

  @Override
  public long arrival() {
    return arrival;
  }

  @Override
  public int priority() {
    return request.priority();
  }

  @Override
  public IsolationScope scope() {
    return request.scope();
  }

  @Override
  public int promptTokens() {
    return promptTokens;
  }

  @Override
  public int totalTokens() {
    return total;
  }

  @Override
  public int computedTokens() {
    return computed;
  }

  @Override
  public int remainingTokens() {
    return mostTokens - total;
  }

  @Override
  public int heldBlocks() {
    return kv == null ? 0 : kv.blocks().held();
  }

  @Override
  public int preemptions() {
    return preemptions;
  }

  @Override
  public ServiceLevel level() {
    return request.terms().level();
  }

  @Override
  public Tenant tenant() {
    return request.terms().tenant();
  }

  @Override
  public double tenantService() {
    return account == null ? 0 : account.service();
  }

  @Override
  public long deadlineNanos() {
    return deadlineNanos;
  }

  @Override
  public int cachedPromptTokens() {
    return cachedPromptTokens;
  }

  @Override
  public long lastTokenNanos() {
    return lastTokenNanos;
  }

  @Override
  public long waitingSinceNanos() {
    return waitingSinceNanos;
  }
}
