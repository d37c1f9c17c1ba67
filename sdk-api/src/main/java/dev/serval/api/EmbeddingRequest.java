package dev.serval.api;

import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Texts to be embedded, and how urgently. Immutable; built by {@link #of} or {@link #builder}. */
public final class EmbeddingRequest {
  private final List<String> texts;
  private final @Nullable String model;
  private final int priority;
  private final @Nullable Duration deadline;
  private final boolean truncate;
  private final Tenant tenant;

  private EmbeddingRequest(Builder b) {
    texts = b.texts;
    model = b.model;
    priority = b.priority;
    deadline = b.deadline;
    truncate = b.truncate;
    tenant = b.tenant;
  }

  /**
   * Some texts, for the runtime's first embedding model.
   *
   * @param texts the texts, at least one
   * @return the request
   * @throws InvalidRequestException when there is none
   */
  public static EmbeddingRequest of(String... texts) {
    return builder(List.of(texts)).build();
  }

  /**
   * Starts a request.
   *
   * @param texts the texts
   * @return a new builder
   */
  public static Builder builder(List<String> texts) {
    return new Builder(texts);
  }

  /**
   * What is to be embedded.
   *
   * @return the texts, at least one
   */
  public List<String> texts() {
    return texts;
  }

  /**
   * Which model embeds them.
   *
   * @return its served name; empty for the runtime's first embedding model
   */
  public Optional<String> model() {
    return Optional.ofNullable(model);
  }

  /**
   * How urgent it is.
   *
   * @return the priority; lower is sooner, and 0 is usual
   */
  public int priority() {
    return priority;
  }

  /**
   * By when its last text must have begun to be computed.
   *
   * @return the time from its submission; empty for none
   */
  public Optional<Duration> deadline() {
    return Optional.ofNullable(deadline);
  }

  /**
   * On whose account it runs.
   *
   * @return the tenant
   */
  public Tenant tenant() {
    return tenant;
  }

  /**
   * Whether a text that is longer than the model takes is cut off, and not refused.
   *
   * @return true for cut off
   */
  public boolean truncate() {
    return truncate;
  }

  /** Collects what is asked for; {@link #build()} checks it. */
  public static final class Builder {
    private final List<String> texts;
    private @Nullable String model;
    private int priority;
    private @Nullable Duration deadline;
    private boolean truncate;
    private Tenant tenant = Tenant.HOST;

    private Builder(List<String> texts) {
      this.texts = List.copyOf(texts);
    }

    /**
     * Sets which model embeds the texts.
     *
     * @param servedName its served name
     * @return this builder
     */
    public Builder model(String servedName) {
      model = servedName;
      return this;
    }

    /**
     * Sets how urgent it is.
     *
     * @param value lower is sooner; 0 unless set
     * @return this builder
     */
    public Builder priority(int value) {
      priority = value;
      return this;
    }

    /**
     * Sets by when its last text must have begun to be computed; then it fails with a {@link
     * RequestRejectedException} for its {@linkplain RequestRejectedException.Reason#DEADLINE
     * deadline}.
     *
     * @param value the time from its submission, positive; none unless set
     * @return this builder
     */
    public Builder deadline(Duration value) {
      deadline = value;
      return this;
    }

    /**
     * Sets on whose account it runs; its quota is charged with the tokens of the texts.
     *
     * @param value the tenant; {@link Tenant#HOST} unless set
     * @return this builder
     */
    public Builder tenant(Tenant value) {
      tenant = value;
      return this;
    }

    /**
     * Says what becomes of a text that is longer than the model takes.
     *
     * @param value true to cut it off; refused unless set
     * @return this builder
     */
    public Builder truncate(boolean value) {
      truncate = value;
      return this;
    }

    /**
     * Checks and concludes.
     *
     * @return the request
     * @throws InvalidRequestException when there is no text, or the deadline does not lie ahead
     */
    public EmbeddingRequest build() {
      if (texts.isEmpty()) {
        throw new InvalidRequestException("input", "there is no text to embed");
      }
      if (deadline != null && !deadline.isPositive()) {
        throw new InvalidRequestException("deadline", "a deadline lies ahead, unlike " + deadline);
      }
      return new EmbeddingRequest(this);
    }
  }
}
