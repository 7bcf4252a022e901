"""Six environments of 50 000 samples of 5 variables, 20 epochs of the published configuration of
score-based-crl: d-64-64-d tanh, sliced score matching with two Gaussian slices, batch 512, Adam with
betas (.5, .999), 10% held out.

The published LSCALE-I trains these networks before it unmixes, so that their time is also what
job/lscale, a whole fit to as many samples of 100 variables, is compared with.

`sliced` computes the loss as that code does: the batch is repeated for each slice and v^T J v comes
of a second backward pass. `exact` takes the trace in closed form instead."""
import peer

torch, threads, quick = peer.start()
environments, n, d, width, batch, epochs, slices = 6, 50000, 5, 64, 512, 20, 2
if quick:
    environments, n, batch, epochs = 2, 200, 32, 1


class Network(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = torch.nn.Sequential(
            torch.nn.Linear(d, width), torch.nn.Tanh(), torch.nn.Linear(width, width),
            torch.nn.Tanh(), torch.nn.Linear(width, d))

    def forward(self, x):
        return self.layers(x)


def sliced_loss(network, x):
    x = x.unsqueeze(0).expand(slices, *x.shape).reshape(-1, d).requires_grad_()
    v = torch.randn_like(x)
    s = network(x)
    tangent = torch.autograd.grad((s * v).sum(), x, create_graph=True)[0]
    return ((v * tangent).sum(1) + 0.5 * (s * s).sum(1)).mean()


def exact_loss(network, x):
    first, _, second, _, third = network.layers
    h1 = torch.tanh(first(x))
    h2 = torch.tanh(second(h1))
    s = third(h2)
    coupling = second.weight * (first.weight @ third.weight).T
    trace = ((1 - h2 * h2) * ((1 - h1 * h1) @ coupling.T)).sum(1)
    return (trace + 0.5 * (s * s).sum(1)).mean()


def train(x, loss):
    network = Network()
    adam = torch.optim.Adam(network.parameters(), lr=1e-3, betas=(0.5, 0.999))
    for _ in range(epochs):
        for rows in torch.randperm(len(x)).split(batch):
            adam.zero_grad()
            penalty = sum((p * p).sum() for p in network.parameters())
            (loss(network, x[rows]) + 1e-5 * penalty).backward()
            adam.step()
    return network


samples = [torch.randn(n, d) for _ in range(environments)]
steps = environments * epochs * -(-(n - n // 10) // batch)
for form, loss in (("sliced", sliced_loss), ("exact", exact_loss)):

    def run():
        for x in samples:
            network = train(x[n // 10:], loss)
            loss(network, x[:n // 10])

    whole = [(f"job/lscale/latents:{d}/d:100/n:{n}|its networks", environments * n)]
    peer.report(f"score_matching/{form}/d:{d}/environments:{environments}/n:{n}", threads, steps, run,
                quick, seconds=0.0, repeats=1, also=whole if form == "sliced" else ())
