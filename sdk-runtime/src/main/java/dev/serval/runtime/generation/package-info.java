/**
 * A request from the moment it was checked until its result is delivered: what a {@link
 * dev.serval.api.Generation} does between an engine, which must not wait, and readers, which may.
 */
package dev.serval.runtime.generation;
