package dev.serval.server.echo;

import dev.serval.api.EmbeddingRequest;
import dev.serval.api.EmbeddingResult;
import dev.serval.api.Generation;
import dev.serval.api.GenerationRequest;
import dev.serval.api.InvalidRequestException;
import dev.serval.api.Prompt;
import dev.serval.api.RequestRejectedException;
import dev.serval.api.RuntimeDescription;
import dev.serval.api.ServedEmbeddingModel;
import dev.serval.api.ServedModel;
import dev.serval.api.ServingRuntime;
import dev.serval.api.model.ChatTemplate;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/** The runtime. Prompts that hold certain words go wrong on purpose: see {@link #submit}. */
public final class EchoRuntime implements ServingRuntime {
  public static final int CONTEXT = 100_000;
  public static final String FAILS = "fail after two tokens";

  public static final String CRASHES = "crash on submission";

  private volatile @Nullable RequestRejectedException refusal;
  private final List<ServedModel> models =
      List.of(
          new EchoModel("echo", CONTEXT), new EchoModel("base/tiny", 32), new EchoModel("é", 64));
  private final Semaphore places;
  private final int capacity;
  private final AtomicInteger count = new AtomicInteger();
  private final List<EchoGeneration> generations = new CopyOnWriteArrayList<>();
  private final List<CompletableFuture<EmbeddingResult>> embeddings = new CopyOnWriteArrayList<>();
  private final List<EmbeddingRequest> embeddingRequests = new CopyOnWriteArrayList<>();
  private final Set<List<Integer>> seen = ConcurrentHashMap.newKeySet();
  private volatile Semaphore pace = new Semaphore(Integer.MAX_VALUE / 2);
  private volatile State state = State.READY;

  /**
   * A runtime.
   *
   * @param places how many generations run at once
   * @param maxWaiting how many more may wait
   */
  public EchoRuntime(int places, int maxWaiting) {
    this.places = new Semaphore(places, true);
    this.capacity = places + maxWaiting;
  }

  /** From now on every step of a new generation takes a permit of this. */
  public void pace(Semaphore steps) {
    pace = steps;
  }

  /** From now on every request is refused with this. */
  public void refuse(RequestRejectedException with) {
    refusal = with;
  }

  /** All generations there have been, in the order of their submission. */
  public List<EchoGeneration> generations() {
    return generations;
  }

  /** The one submitted last. */
  public EchoGeneration last() {
    return generations.getLast();
  }

  @Override
  public Generation submit(GenerationRequest request) {
    ServedModel model = model(request.model().orElse("echo"));
    if (state != State.READY) {
      throw new RequestRejectedException(
          RequestRejectedException.Reason.CLOSING, "the runtime is " + state, null);
    }
    if (refusal != null) {
      throw refusal;
    }
    long active = generations.stream().filter(g -> !g.ended()).count();
    if (active >= capacity) {
      throw new RequestRejectedException(
          RequestRejectedException.Reason.OVERLOADED,
          "as many requests wait as may wait",
          Duration.ofMillis(2500));
    }
    String text = text(request.prompt(), model);
    int[] ids = ids(request.prompt(), model);
    if (text.contains(CRASHES)) {
      throw new IllegalStateException("crashed");
    }
    if (ids.length >= model.contextLength()) {
      throw new InvalidRequestException(
          InvalidRequestException.Reason.CONTEXT_LENGTH,
          "prompt",
          "the prompt has " + ids.length + " tokens, the context " + model.contextLength());
    }
    boolean cached = !seen.add(EchoGeneration.boxed(ids));
    EchoGeneration generation =
        new EchoGeneration(
            "r" + count.incrementAndGet(), request, model, ids, text, cached, places, pace);
    generations.add(generation);
    generation.start();
    return generation;
  }

  private static int[] ids(Prompt prompt, ServedModel model) {
    return switch (prompt) {
      case Prompt.Chat chat -> model.tokenizer().encode(template(model).render(chat, true), false);
      case Prompt.Text text -> model.tokenizer().encode(text.text(), true);
      case Prompt.Tokens tokens -> tokens.ids();
    };
  }

  private static ChatTemplate template(ServedModel model) {
    return model
        .chatTemplate()
        .orElseThrow(() ->
            new InvalidRequestException(
                "messages", "the model '" + model.name() + "' has no chat template"));
  }

  /** Whether the model thinks a character, one in bold mathematical type, and does not say it. */
  static boolean thought(int character) {
    return character >= 0x1D400 && character < 0x1D434;
  }

  private static String text(Prompt prompt, ServedModel model) {
    return switch (prompt) {
      case Prompt.Chat chat -> chat.messages().getLast().content();
      case Prompt.Text text -> text.text();
      case Prompt.Tokens tokens ->
          model.tokenizer().decode(EchoGeneration.boxed(tokens.ids()), true);
    };
  }

  /** All requests for embeddings there have been; they end when a test ends them. */
  public List<CompletableFuture<EmbeddingResult>> embeddings() {
    return embeddings;
  }

  /** What those asked for, in the same order. */
  public List<EmbeddingRequest> embeddingRequests() {
    return embeddingRequests;
  }

  @Override
  public CompletableFuture<EmbeddingResult> embed(EmbeddingRequest request) {
    CompletableFuture<EmbeddingResult> result = new CompletableFuture<>();
    embeddingRequests.add(request);
    embeddings.add(result);
    return result;
  }

  @Override
  public List<ServedEmbeddingModel> embeddingModels() {
    return List.of(new EchoEmbeddings("vectors"));
  }

  @Override
  public List<ServedModel> models() {
    return models;
  }

  @Override
  public RuntimeDescription describe() {
    return new RuntimeDescription(List.of());
  }

  @Override
  public State state() {
    return state;
  }

  @Override
  public boolean drain(Duration limit) throws InterruptedException {
    state = State.DRAINING;
    long end = System.nanoTime() + limit.toNanos();
    while (generations.stream().anyMatch(g -> !g.ended()) && System.nanoTime() < end) {
      LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(1));
    }
    return generations.stream().allMatch(EchoGeneration::ended);
  }

  @Override
  public void close() {
    state = State.CLOSED;
    generations.forEach(EchoGeneration::close);
  }
}
