package dev.serval.server.echo;

import dev.serval.api.FinishReason;
import dev.serval.api.Generation;
import dev.serval.api.GenerationFailedException;
import dev.serval.api.GenerationRequest;
import dev.serval.api.GenerationResult;
import dev.serval.api.ServedModel;
import dev.serval.api.Timeline;
import dev.serval.api.Timings;
import dev.serval.api.TokenChunk;
import dev.serval.api.TokenLogprob;
import dev.serval.api.Usage;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Flow;
import java.util.concurrent.Semaphore;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/** One echo, made on a virtual thread of its own and delivered on another. */
public final class EchoGeneration implements Generation {
  static final int BUFFER = 8;
  private static final Timeline TIMELINE =
      new Timeline(
          List.of(
              new Timeline.Span(Timeline.Cause.QUEUED, Duration.ZERO, Duration.ofMillis(1), 0),
              new Timeline.Span(
                  Timeline.Cause.PREFILL, Duration.ofMillis(1), Duration.ofMillis(3), 2)));

  private final String id;
  private final GenerationRequest request;
  private final ServedModel model;
  private final int[] prompt;
  private final int[] answer;
  private final boolean cached;
  private final boolean fails;
  private final Semaphore places;
  private final Semaphore pace;
  private final CompletableFuture<GenerationResult> result = new CompletableFuture<>();
  private final List<List<TokenChunk>> made = new ArrayList<>();
  private final Thread maker = Thread.ofVirtual().unstarted(this::make);

  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();
  private final Queue<TokenChunk> undelivered = new ArrayDeque<>();
  private boolean read;
  private boolean awaited;
  private boolean closed;
  private boolean over;
  private @Nullable Throwable failure;
  private long demand;
  private volatile int steps;

  EchoGeneration(
      String id,
      GenerationRequest request,
      ServedModel model,
      int[] prompt,
      String text,
      boolean cached,
      Semaphore places,
      Semaphore pace) {
    this.id = id;
    this.request = request;
    this.model = model;
    this.prompt = prompt;
    this.answer = text.codePoints().toArray();
    this.cached = cached;
    this.fails = text.contains(EchoRuntime.FAILS);
    this.places = places;
    this.pace = pace;
    IntStream.range(0, request.choices()).forEach(i -> made.add(new ArrayList<>()));
  }

  void start() {
    maker.start();
  }

  /** What was asked for. */
  public GenerationRequest request() {
    return request;
  }

  /** How many steps it has made. */
  public int steps() {
    return steps;
  }

  /** Whether it was closed by its owner. */
  public boolean closed() {
    return locked(() -> closed);
  }

  /** Whether all of it is over. */
  public boolean ended() {
    return result.isDone();
  }

  /** The thread that makes it. */
  public Thread maker() {
    return maker;
  }

  private void make() {
    try {
      places.acquire();
      try {
        echo();
      } finally {
        places.release();
      }
    } catch (InterruptedException cancelled) {
      end(FinishReason.CANCELLED, null);
    } catch (RuntimeException failed) {
      end(null, failed);
    }
  }

  private void echo() throws InterruptedException {
    int limit = request.maxTokens().orElse(model.contextLength() - prompt.length);
    for (int i = 0; i < limit; i++) {
      pace.acquire();
      if (fails && i == 2) {
        throw new GenerationFailedException("the echo broke", new IllegalStateException());
      }
      boolean last = i >= answer.length && !request.ignoreEos();
      FinishReason finish = last ? FinishReason.STOP : i == limit - 1 ? FinishReason.LENGTH : null;
      int token = last ? EchoTokenizer.END : answer.length == 0 ? ' ' : answer[i % answer.length];
      for (int choice = 0; choice < request.choices(); choice++) {
        put(chunk(choice, token, finish));
      }
      steps = i + 1;
      if (last) {
        break;
      }
    }
    end(null, null);
  }

  private TokenChunk chunk(int choice, int token, @Nullable FinishReason finish) {
    String text = token == EchoTokenizer.END ? "" : Character.toString(token);
    boolean thought = EchoRuntime.thought(token);
    List<TokenLogprob> logprobs =
        request.logprobs().isPresent()
            ? List.of(logprob(token, request.logprobs().getAsInt()))
            : List.of();
    return new TokenChunk(
        choice, thought ? "" : text, thought ? text : "", List.of(token), logprobs, finish);
  }

  private TokenLogprob logprob(int token, int alternatives) {
    return new TokenLogprob(
        token,
        model.tokenizer().text(token),
        -0.5,
        IntStream.range(0, alternatives)
            .mapToObj(i ->
                new TokenLogprob.Alternative(
                    token + i,
                    model.tokenizer().text(token + i),
                    i == 2 ? Double.NEGATIVE_INFINITY : -0.5 - i))
            .toList());
  }

  private void put(TokenChunk chunk) throws InterruptedException {
    lock.lockInterruptibly();
    try {
      while (!closed && undelivered.size() >= BUFFER && (read || !awaited)) {
        changed.await();
      }
      if (closed) {
        throw new InterruptedException();
      }
      made.get(chunk.choice()).add(chunk);
      undelivered.add(chunk);
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  private void end(@Nullable FinishReason reason, @Nullable Throwable why) {
    lock.lock();
    try {
      over = true;
      failure = why;
      changed.signalAll();
    } finally {
      lock.unlock();
    }
    if (why != null) {
      result.completeExceptionally(why);
    } else {
      result.complete(result(reason));
    }
  }

  private GenerationResult result(@Nullable FinishReason reason) {
    List<GenerationResult.Choice> choices = made.stream().map(c -> choice(c, reason)).toList();
    int completion = choices.stream().mapToInt(c -> c.tokenIds().size()).sum();
    return new GenerationResult(
        choices,
        boxed(prompt),
        new Usage(prompt.length, cached ? prompt.length - 1 : 0, completion),
        new Timings(Duration.ZERO, Duration.ZERO, List.of(), Duration.ZERO),
        request.explained() ? Collections.nCopies(choices.size(), TIMELINE) : List.of());
  }

  private static GenerationResult.Choice choice(
      List<TokenChunk> chunks, @Nullable FinishReason reason) {
    String text = chunks.stream().map(TokenChunk::text).collect(Collectors.joining());
    String thought = chunks.stream().map(TokenChunk::reasoning).collect(Collectors.joining());
    FinishReason last = chunks.isEmpty() ? null : chunks.getLast().finish();
    return new GenerationResult.Choice(
        text,
        thought,
        chunks.stream().flatMap(c -> c.tokenIds().stream()).toList(),
        chunks.stream().flatMap(c -> c.logprobs().stream()).toList(),
        last != null ? last : reason != null ? reason : FinishReason.CANCELLED);
  }

  @Override
  public String id() {
    return id;
  }

  @Override
  public CompletionStage<GenerationResult> result() {
    lock.lock();
    try {
      awaited = true;
      changed.signalAll();
    } finally {
      lock.unlock();
    }
    return result;
  }

  @Override
  public Iterator<TokenChunk> iterator() {
    attach();
    return new Iterator<>() {
      private @Nullable TokenChunk next;

      @Override
      public boolean hasNext() {
        if (next == null) {
          next = take(false);
        }
        return next != null;
      }

      @Override
      public TokenChunk next() {
        if (!hasNext()) {
          throw new NoSuchElementException();
        }
        TokenChunk chunk = next;
        next = null;
        return chunk;
      }
    };
  }

  @Override
  public void subscribe(Flow.Subscriber<? super TokenChunk> subscriber) {
    attach();
    Thread.ofVirtual().start(() -> deliver(subscriber));
  }

  private void attach() {
    lock.lock();
    try {
      if (read) {
        throw new IllegalStateException("there is a reader already");
      }
      read = true;
    } finally {
      lock.unlock();
    }
  }

  private void deliver(Flow.Subscriber<? super TokenChunk> subscriber) {
    subscriber.onSubscribe(new Demand());
    for (TokenChunk chunk = take(true); chunk != null; chunk = take(true)) {
      subscriber.onNext(chunk);
    }
    if (failure != null) {
      subscriber.onError(failure);
    } else {
      subscriber.onComplete();
    }
  }

  private @Nullable TokenChunk take(boolean onDemand) {
    lock.lock();
    try {
      while (!(over && undelivered.isEmpty())
          && (undelivered.isEmpty() || (onDemand && demand == 0))) {
        changed.awaitUninterruptibly();
      }
      demand--;
      changed.signalAll();
      return undelivered.poll();
    } finally {
      lock.unlock();
    }
  }

  @Override
  public void close() {
    lock.lock();
    try {
      closed = true;
      if (!over) {
        undelivered.clear();
      }
      changed.signalAll();
    } finally {
      lock.unlock();
    }
    maker.interrupt();
  }

  private <T> T locked(Supplier<T> read) {
    lock.lock();
    try {
      return read.get();
    } finally {
      lock.unlock();
    }
  }

  static List<Integer> boxed(int[] ids) {
    return Arrays.stream(ids).boxed().toList();
  }

  /** What the subscriber may be given. */
  private final class Demand implements Flow.Subscription {
    @Override
    public void request(long n) {
      lock.lock();
      try {
        demand += n;
        changed.signalAll();
      } finally {
        lock.unlock();
      }
    }

    @Override
    public void cancel() {
      close();
    }
  }
}
