package lab

func init() { recipes = append(recipes, kernelRecipes...) }

var kernelRecipes = []Recipe{
	adminKill(),
	disconnect(),
	disconnectWithData(),
	listenerClosed(),
	listenerClosedRequests(),
	listenerClosedFixed(),
	linger2Close(),
	linger2ACK(),
	finWait2Timeout(),
	processDeath(),
	shutdownBoth(),
	unreadAfterShutdown(),
	halfCloseMisuse(),
	halfCloseMisuseFixed(),
	keepAliveTimeout(),
	overIPv6(keepAliveTimeout()),
	keepAliveUserTimeout(),
	staleAfterRetransmissions(),
	overIPv6(staleServiceUp()),
}
