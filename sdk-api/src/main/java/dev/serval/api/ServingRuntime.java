package dev.serval.api;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;

/**
 * An AI serving runtime inside the application's own process. Many callers on any threads share its
 * engines; several runtimes may live in one JVM and share nothing.
 *
 * <p><b>Lifecycle.</b> A runtime is {@link State#READY} when it is handed out: its models are
 * loaded. {@link #drain} stops taking requests and waits for those it has; {@link #close} cancels
 * what is left and gives back every thread and all native memory before it returns.
 */
public interface ServingRuntime extends AutoCloseable {
  /** Where a runtime is in its life; it only ever moves down this list. */
  enum State {
    /** Takes requests. */
    READY,
    /** Takes no more requests and finishes those it has. */
    DRAINING,
    /** Has given everything back. */
    CLOSED
  }

  /**
   * Takes a request. The prompt is rendered, encoded and checked on the calling thread; nothing is
   * waited for. A shortage of KV or of places in the batch only makes the request wait its turn.
   *
   * @param request what to generate
   * @return the generation, which the caller owns and closes
   * @throws InvalidRequestException when the request could never be served, naming the limit
   * @throws UnknownModelException when it names a model that is not served
   * @throws RequestRejectedException when too many requests wait already, or the runtime is closing
   */
  Generation submit(GenerationRequest request);

  /**
   * Embeds texts. They are encoded and checked on the calling thread; nothing is waited for. Texts
   * of many callers are computed together where that is quicker, which changes no vector.
   *
   * @param request the texts
   * @return completes on the runtime's delivery executor, with {@link RequestRejectedException} if
   *     its deadline passed while it waited; cancelling it takes out what has not begun
   * @throws InvalidRequestException when the request could never be served, naming the limit
   * @throws UnknownModelException when it names a model that is not served, or none is
   * @throws RequestRejectedException when too many texts wait already, its tenant's quota does not
   *     allow for it, or the runtime is closing
   */
  default CompletableFuture<EmbeddingResult> embed(EmbeddingRequest request) {
    throw request
        .model()
        .map(name -> new UnknownModelException(name, List.of()))
        .orElseGet(() -> UnknownModelException.none("embeds"));
  }

  /**
   * The embedding models served, the default one first.
   *
   * @return the models; may be none
   */
  default List<ServedEmbeddingModel> embeddingModels() {
    return List.of();
  }

  /**
   * The models served that generate, the default one first.
   *
   * @return the models; may be none if there are embedding models
   */
  List<ServedModel> models();

  /**
   * Finds a model by its name.
   *
   * @param name the served name
   * @return the model
   * @throws UnknownModelException when there is none of that name, listing what there is
   */
  default ServedModel model(String name) {
    List<ServedModel> models = models();
    return models.stream()
        .filter(m -> m.name().equals(name))
        .findFirst()
        .orElseThrow(
            () -> new UnknownModelException(name, models.stream().map(ServedModel::name).toList()));
  }

  /**
   * What was found, what was chosen and why.
   *
   * @return the description, the same for the runtime's whole life
   */
  RuntimeDescription describe();

  /**
   * Where the runtime is in its life.
   *
   * @return the state at this moment
   */
  State state();

  /**
   * Stops taking requests and waits until those it has are done.
   *
   * @param limit how long to wait at most
   * @return whether all were done within the limit
   * @throws InterruptedException when the calling thread is interrupted; the runtime stays draining
   */
  boolean drain(Duration limit) throws InterruptedException;

  /**
   * Cancels what is left and gives everything back. Waits for the step under way, no longer;
   * calling it again does nothing.
   */
  @Override
  void close();
}
