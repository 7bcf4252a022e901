"""K R with K = exp(-|x - y|^2 / (2 h^2)) materialised, as one writes it with PyTorch."""
import peer

torch, threads, quick = peer.start()
n = 500 if quick else 8192


@torch.no_grad()
def product(x, right, width):
    squared = (x * x).sum(1)
    distance = torch.addmm(squared[:, None] + squared[None, :], x, x.T, alpha=-2.0).clamp_(min=0.0)
    return torch.exp_(distance.mul_(-0.5 / width**2)) @ right


@torch.no_grad()
def median(x):
    return torch.cdist(x, x).flatten().median()


for d in (5, 10, 20, 50):
    x, right, width = torch.randn(n, d), torch.randn(n, d + 1), (2.0 * d) ** 0.5
    peer.report(f"pairwise/rbf/d:{d}/n:{n}", threads, n * n, lambda: product(x, right, width), quick)
n = 300 if quick else 4096
x = torch.randn(n, 20)
peer.report(f"pairwise/median/d:20/n:{n}", threads, n * n, lambda: median(x), quick)
