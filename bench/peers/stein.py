"""SCORE's Stein score and Hessian diagonal (Rolland et al. 2022) as published: explicit inverses and
tensors of n n d values, one thread unless told."""
import peer

torch, threads, quick = peer.start()
n, d = (300, 10) if quick else (4000, 10)


@torch.no_grad()
def stein(x, eta_g=1e-3, eta_h=1e-3):
    difference = x.unsqueeze(1) - x
    distance = torch.norm(difference, dim=2, p=2)
    s = distance.flatten().median()
    k = torch.exp(-distance**2 / (2 * s**2)) / s
    gradient = -torch.einsum("kij,ik->kj", difference, k) / s**2
    g = torch.matmul(torch.inverse(k + eta_g * torch.eye(n)), gradient)
    curvature = torch.einsum("kij,ik->kj", -1 / s**2 + difference**2 / s**4, k)
    return g, -g**2 + torch.matmul(torch.inverse(k + eta_h * torch.eye(n)), curvature)


x = torch.randn(n, d)
peer.report(f"stein/parity_with_hessian/d:{d}/n:{n}", threads, n, lambda: stein(x), quick, seconds=0.0)
