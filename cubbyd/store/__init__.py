"""One sealed file per token, and changes that are durable before anybody hears of them."""
