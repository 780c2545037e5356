import { Page } from '../parts/Page';
export default () => <Page>…</Page>;
