/** What a runtime tells a Micrometer registry. */
package dev.serval.runtime.metrics;
